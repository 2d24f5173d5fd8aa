"""Makes collector/prices.json from the PyPI package genai-prices: `make prices`.

The same package always gives the same bytes. To take a newer one: pin it in pyproject.toml, set VERSION and
PUBLISHED here, run `make prices` and read the diff.
"""

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers
from genai_prices.data_units import unit_data

VERSION = "0.2.3"
PUBLISHED = date(2026, 11, 10)  # the day the package index took it in
LICENSE = "MIT, Copyright (c) Pydantic Services Inc. 2025 to present"
DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "prices.json"

# Groq bills a transcription of up to ten seconds as ten. genai-prices knows it in code, not as data.
MINIMUM_AUDIO_SECONDS = {("groq", "whisper-large-v3"): 10, ("groq", "whisper-large-v3-turbo"): 10}


def number(value: Decimal) -> float | int:
    """The price as JSON number; floats are written in the shortest form that reads back the same."""
    return int(value) if value == value.to_integral_value() else float(value)


def regex(pattern: str) -> dict[str, Any]:
    """Go's regexp has no lookahead: one at the start, `^(?!A)B`, becomes a `not` next to the rest."""
    if not pattern.startswith("^(?!"):
        if "(?" in pattern.replace("(?:", ""):
            raise SystemExit(f"regex {pattern!r}: expected no (?…) but (?:…) and a leading ^(?!…), which Go can match")
        return {"regex": pattern}
    depth, end = 1, len("^(?!")
    while depth:
        depth += {"(": 1, ")": -1}.get(pattern[end], 0)
        end += 1
    unwanted = {"not": regex("^(?:" + pattern[len("^(?!") : end - 1] + ")")}
    return {"and": [unwanted, regex("^" + pattern[end:])]} if pattern[end:] else unwanted


def clause(match: Any) -> dict[str, Any]:
    """A rule of matching, one key an object: equals, starts_with, ends_with, contains, regex, or, and, not."""
    match match:
        case types.ClauseOr(or_=parts):
            return {"or": [clause(part) for part in parts]}
        case types.ClauseAnd(and_=parts):
            return {"and": [clause(part) for part in parts]}
        case types.ClauseRegex(regex=pattern):
            return regex(pattern)
    return dict(vars(match))


def prices(model_price: types.ModelPrice) -> dict[str, Any]:
    """Price key → USD per unit, or a base and the tiers that replace it above so many input tokens."""

    def one(value: Decimal | types.TieredPrices) -> Any:
        if isinstance(value, types.TieredPrices):
            tiers = [{"start": tier.start, "price": number(tier.price)} for tier in value.tiers]
            return {"base": number(value.base), "tiers": tiers}
        return number(value)

    return {key: one(value) for key, value in vars(model_price).items() if value is not None}


def constraint(value: Any) -> dict[str, Any]:
    """From which day, or between which times of day (UTC), a price holds."""

    def utc(moment: time) -> str:
        if moment.microsecond:
            raise SystemExit(f"time {moment}: expected whole seconds")
        if moment.tzinfo is not None:
            moment = datetime.combine(date(1970, 1, 1), moment).astimezone(UTC).time()
        return moment.strftime("%H:%M:%S")

    match value:
        case None:
            return {}
        case types.StartDateConstraint(start_date=start):
            return {"constraint": {"start_date": start.isoformat()}}
        case types.TimeOfDateConstraint(start_time=start, end_time=end):
            return {"constraint": {"start_time": utc(start), "end_time": utc(end)}}
    raise SystemExit(f"constraint {value!r}: expected a start date or a time of day")


def model(provider: types.Provider, info: types.ModelInfo) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": info.id, "match": clause(info.match)}
    if isinstance(info.prices, types.ModelPrice):
        entry["prices"] = prices(info.prices)
    else:
        entry["prices"] = [constraint(price.constraint) | {"prices": prices(price.prices)} for price in info.prices]
    if info.price_variants:
        entry["price_variants"] = [
            {"when": variant.when} | constraint(variant.constraint) | {"prices": prices(variant.prices)}
            for variant in info.price_variants
        ]
    if seconds := MINIMUM_AUDIO_SECONDS.get((provider.id, info.id)):
        entry["minimum_audio_seconds"] = seconds
    return entry


def head(provider: types.Provider) -> dict[str, Any]:
    """A provider's fields without its models."""
    entry: dict[str, Any] = {"id": provider.id, "name": provider.name}
    if provider.pricing_urls:
        entry["pricing_urls"] = provider.pricing_urls
    for key in ("provider_match", "model_match"):
        if rule := getattr(provider, key):
            entry[key] = clause(rule)
    if provider.fallback_model_providers:
        entry["fallback_model_providers"] = provider.fallback_model_providers
    return entry


def units() -> dict[str, Any]:
    """The units that some price is given in: usage → price key, units per price, and what it is a part of."""
    used: set[str] = set()

    def note(value: types.ModelPrice) -> None:
        used.update(key for key, price in vars(value).items() if price is not None)

    for provider in providers:
        for info in provider.models:
            for price in [info.prices] if isinstance(info.prices, types.ModelPrice) else info.prices:
                note(price if isinstance(price, types.ModelPrice) else price.prices)
            for variant in info.price_variants or ():
                note(variant.prices)
    return {usage: unit for usage, unit in unit_data.items() if unit.get("price_key", usage) in used}


def lines(items: Iterable[Any], dump: Callable[[Any], str], indent: str) -> str:
    return (",\n" + indent).join(dump(item) for item in items)


def render() -> str:
    """The file: one line a model, so that a diff shows which prices moved."""

    def dump(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    def provider_lines(provider: types.Provider) -> str:
        models = lines((model(provider, info) for info in provider.models), dump, "   ")
        return f'{dump(head(provider))[:-1]}, "models": [\n   {models}\n  ]}}'

    source = {"package": "genai-prices", "version": VERSION, "date": PUBLISHED.isoformat(), "license": LICENSE}
    unit_rows = lines(units().items(), lambda item: f"{dump(item[0])}: {dump(item[1])}", "  ")
    comment = "Made by `make prices` from the PyPI package named here; USD. Not to be edited: use an override file."
    return (
        f'{{\n "comment": {dump(comment)},\n "source": {dump(source)},\n "units": {{\n  {unit_rows}\n }},\n'
        f' "providers": [\n  {lines(providers, provider_lines, "  ")}\n ]\n}}\n'
    )


def main() -> None:
    """Writes the table to collector/prices.json, or to the file named on the command line."""
    if (installed := version("genai-prices")) != VERSION:
        raise SystemExit(f"genai-prices {installed} is installed: expected {VERSION}, as make_prices.py says")
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    output.write_text(render(), encoding="utf-8")
    count = sum(len(provider.models) for provider in providers)
    print(f"{output.name}: {count} models of {len(providers)} providers, genai-prices {VERSION} of {PUBLISHED}")


if __name__ == "__main__":
    main()
