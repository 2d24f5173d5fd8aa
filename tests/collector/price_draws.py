"""Draws (model, usage, date) triples from genai-prices' list by a seed, stratified over what makes prices differ."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import cycle

from genai_prices import Usage, calc_price, types
from genai_prices.data import providers

# pricing.Call's fields, by genai-prices' names. Our one AudioSeconds is both of theirs: nothing is priced by output.
FIELDS = {
    "input_tokens": "InputTokens",
    "output_tokens": "OutputTokens",
    "cache_read_tokens": "CacheReadTokens",
    "cache_write_tokens": "CacheWriteTokens",
    "cache_write_1h_tokens": "CacheWrite1hTokens",
    "output_reasoning_tokens": "ReasoningTokens",
    "output_citation_tokens": "CitationTokens",
    "input_audio_tokens": "InputAudioTokens",
    "output_audio_tokens": "OutputAudioTokens",
    "cache_audio_read_tokens": "CacheReadAudioTokens",
    "input_image_tokens": "InputImageTokens",
    "output_image_tokens": "OutputImageTokens",
    "cache_image_read_tokens": "CacheReadImageTokens",
    "input_video_tokens": "InputVideoTokens",
    "output_video_tokens": "OutputVideoTokens",
    "input_characters": "InputCharacters",
    "input_text_messages": "InputTextMessages",
    "audio_seconds": "AudioSeconds",
    "input_document_pages": "InputDocumentPages",
    "input_annotated_document_pages": "InputAnnotatedDocumentPages",
    "web_searches": "WebSearches",
    "storage_searches": "StorageSearches",
}


@dataclass
class Draw:
    """One (model, usage, date) triple, and the tier it was served at."""

    stratum: str
    provider: str
    model: str
    at: datetime
    usage: dict[str, int]
    tier: str = ""
    context: dict[str, str] | None = None

    def expected(self) -> float:
        usage = dict(self.usage)
        if seconds := usage.get("audio_seconds"):
            usage["input_audio_seconds"] = seconds
        found = calc_price(
            Usage(**usage),
            self.model,
            provider_id=self.provider,
            genai_request_timestamp=self.at,
            price_context=self.context,
        )
        return float(found.total_price)

    def call(self) -> str:
        fields = {FIELDS[key]: value for key, value in self.usage.items()}
        names = {"Provider": self.provider, "Model": self.model, "ServiceTier": self.tier}
        return json.dumps(names | {"At": self.at.isoformat()} | fields)


OTHER = {
    "input_audio_mtok": "input_audio_tokens",
    "output_audio_mtok": "output_audio_tokens",
    "cache_audio_read_mtok": "cache_audio_read_tokens",
    "input_image_mtok": "input_image_tokens",
    "output_image_mtok": "output_image_tokens",
    "input_video_mtok": "input_video_tokens",
    "output_video_mtok": "output_video_tokens",
    "output_reasoning_mtok": "output_reasoning_tokens",
    "output_citation_mtok": "output_citation_tokens",
    "input_mchars": "input_characters",
    "input_text_messages_kcount": "input_text_messages",
    "audio_hours": "audio_seconds",
    "input_document_kpages": "input_document_pages",
    "input_annotated_document_kpages": "input_annotated_document_pages",
    "web_searches_kcount": "web_searches",
    "storage_searches_kcount": "storage_searches",
}

Listed = tuple[types.Provider, types.ModelInfo]


def price_sets(model: types.ModelInfo) -> list[types.ModelPrice]:
    return [model.prices] if isinstance(model.prices, types.ModelPrice) else [entry.prices for entry in model.prices]


def keys(model: types.ModelInfo) -> set[str]:
    return {key for entry in price_sets(model) for key in vars(entry)}


def thresholds(model: types.ModelInfo) -> list[int]:
    """Numbers of input tokens above which the model gets dearer."""
    tiered = (price for entry in price_sets(model) for price in vars(entry).values())
    return sorted({tier.start for price in tiered if isinstance(price, types.TieredPrices) for tier in price.tiers})


def moments(model: types.ModelInfo) -> list[datetime]:
    """The moments at which a price of the model changes; one day represents every day."""
    constraints = [entry.constraint for entry in model.prices] if isinstance(model.prices, list) else []
    constraints += [variant.constraint for variant in model.price_variants or ()]
    out = []
    for constraint in constraints:
        if isinstance(constraint, types.StartDateConstraint):
            out.append(datetime.combine(constraint.start_date, time(), UTC))
        elif isinstance(constraint, types.TimeOfDateConstraint):
            for moment in (constraint.start_time, constraint.end_time):
                out += [datetime.combine(datetime(year, 5, 4), moment.replace(tzinfo=UTC)) for year in (2025, 2026)]
    return out


def any_moment(pick: random.Random) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=pick.randrange(3 * 365 * 86_400))


def around(pick: random.Random, model: types.ModelInfo) -> datetime:
    """A second before, at, a second after, or some days off a change of price."""
    offset = pick.choice([-1, 0, 1, pick.randrange(-20 * 86_400, 20 * 86_400)])
    return pick.choice(moments(model)) + timedelta(seconds=offset)


def tokens(pick: random.Random, *, size: int = 60_000) -> dict[str, int]:
    return {"input_tokens": pick.randrange(1, size), "output_tokens": pick.randrange(1, 9_000)}


def cached(pick: random.Random, usage: dict[str, int]) -> dict[str, int]:
    read = pick.randrange(usage["input_tokens"] + 1)
    write = pick.randrange(usage["input_tokens"] - read + 1)
    parts = {"cache_read_tokens": read, "cache_write_tokens": write, "cache_write_1h_tokens": pick.randrange(write + 1)}
    return usage | parts | {"output_reasoning_tokens": pick.randrange(usage["output_tokens"] + 1)}


def untokened(pick: random.Random, model: types.ModelInfo) -> dict[str, int]:
    """The units of a model that isn't priced by tokens: minutes, pages, messages."""
    units = keys(model) & OTHER.keys() if "input_mtok" not in keys(model) else set()
    return {OTHER[key]: pick.randrange(100, 4_000) for key in sorted(units) if key != "input_annotated_document_kpages"}


def draw_cached(pick: random.Random, provider: types.Provider, model: types.ModelInfo) -> Draw:
    return Draw("cached", provider.id, model.id, any_moment(pick), cached(pick, tokens(pick)))


def draw_tiered(pick: random.Random, provider: types.Provider, model: types.ModelInfo) -> Draw:
    start = pick.choice(thresholds(model))
    usage = tokens(pick) | {"input_tokens": pick.choice([start - 1, start, start + 1, start * 2, start // 2])}
    return Draw("tiered", provider.id, model.id, any_moment(pick), cached(pick, usage))


def draw_dated(pick: random.Random, provider: types.Provider, model: types.ModelInfo) -> Draw:
    usage = cached(pick, tokens(pick)) | untokened(pick, model)
    return Draw("dated", provider.id, model.id, around(pick, model), usage)


def draw_batch(pick: random.Random, provider: types.Provider, model: types.ModelInfo) -> Draw:
    return served(pick, provider, model, "batch", {("processing", "batch")})


def draw_service_tier(pick: random.Random, provider: types.Provider, model: types.ModelInfo) -> Draw:
    return served(pick, provider, model, "tier", tiers(model))


def tiers(model: types.ModelInfo) -> set[tuple[str, str]]:
    seen = {condition for variant in model.price_variants or () for condition in variant.when.items()}
    return {(key, value) for key, value in seen if key in {"service_tier", "speed"}}


def served(
    pick: random.Random, provider: types.Provider, model: types.ModelInfo, stratum: str, of: set[tuple[str, str]]
) -> Draw:
    key, value = pick.choice(sorted(of))
    at = around(pick, model) if moments(model) and pick.random() < 0.5 else datetime(2026, 11, 15, tzinfo=UTC)
    usage = cached(pick, tokens(pick, size=400_000)) | untokened(pick, model)
    return Draw(stratum, provider.id, model.id, at, usage, value, {key: value})


def draw_other(pick: random.Random, provider: types.Provider, model: types.ModelInfo) -> Draw:
    """Audio, images, searches, pages, …, and a price a request: parts small enough to fit their wholes."""
    usage = {"input_tokens": pick.randrange(40_000, 90_000), "output_tokens": pick.randrange(9_000, 20_000)}
    for key in sorted(keys(model) & OTHER.keys()):
        usage[OTHER[key]] = pick.randrange(1, 4_000)
    if "cache_audio_read_tokens" in usage:
        usage["cache_audio_read_tokens"] = pick.randrange(usage["input_audio_tokens"] + 1)
        usage["cache_read_tokens"] = usage["cache_audio_read_tokens"] + pick.randrange(2_000)
    if "audio_seconds" in usage:
        usage["audio_seconds"] = pick.choice([1, 9, 10, 11, 3_600, pick.randrange(1, 9_000)])
    if "input_annotated_document_pages" in usage:
        usage["input_annotated_document_pages"] = pick.randrange(usage["input_document_pages"] + 1)
    return Draw("other", provider.id, model.id, any_moment(pick), usage)


Make = Callable[[random.Random, types.Provider, types.ModelInfo], Draw]
Fits = Callable[[types.ModelInfo], object]
STRATA: list[tuple[Fits, Make]] = [
    (lambda model: "cache_read_mtok" in keys(model), draw_cached),
    (thresholds, draw_tiered),
    (lambda model: moments(model) and isinstance(model.prices, list), draw_dated),
    (lambda model: any(v.when == {"processing": "batch"} for v in model.price_variants or ()), draw_batch),
    (tiers, draw_service_tier),
    (lambda model: keys(model) & (OTHER.keys() | {"requests_kcount"}), draw_other),
]


def listed(fits: Fits, pick: random.Random) -> Iterator[Listed]:
    """Models that fit, one provider after the other, so that the large ones don't take all the draws."""
    by_provider = [(provider, [model for model in provider.models if fits(model)]) for provider in providers]
    having = [(provider, models) for provider, models in by_provider if models]
    pick.shuffle(having)
    for provider, models in cycle(having):
        yield provider, pick.choice(models)


def findable(provider: types.Provider, model: types.ModelInfo) -> bool:
    """An id that its own rules don't lead to can't be asked for."""
    return provider.find_model(model.id) is model


def draw(seed: int, count: int) -> list[Draw]:
    """As many draws of each stratum, from all of its providers in turn."""
    pick = random.Random(seed)
    out: list[Draw] = []
    for fits, make in STRATA:
        share = (pair for pair in listed(fits, pick) if findable(*pair))
        out += [make(pick, *next(share)) for _ in range(count // len(STRATA))]
    return out
