"""The price table is what `make prices` makes, and the gateway's arithmetic is that of genai-prices' own calculator."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from price_draws import Draw, draw

SEED = 20261110
DRAWS = 300
TOLERANCE = 1e-9  # USD


def test_prices_json_is_what_make_prices_makes(root: Path, tmp_path: Path) -> None:
    script = root / "collector/pricing/make_prices.py"
    subprocess.run([sys.executable, script, tmp_path / "prices.json"], check=True, capture_output=True)
    made, kept = (tmp_path / "prices.json").read_bytes(), (root / "collector/prices.json").read_bytes()
    assert made == kept, "collector/prices.json differs from genai-prices': run `make prices`"


def test_prices_json_tells_version_and_date(root: Path) -> None:
    source = json.loads((root / "collector/prices.json").read_bytes())["source"]
    assert source["package"] == "genai-prices"
    assert (source["version"], source["date"]) == ("0.2.3", "2026-11-10")


@pytest.fixture(scope="module")
def draws() -> list[Draw]:
    return draw(SEED, DRAWS)


def prices_of(root: Path, calls: list[str]) -> list[dict]:
    """The answers of the gateway's table, one for each call."""
    done = subprocess.run(
        ["go", "run", "./pricing/cmd/price"],
        cwd=root / "collector",
        env=os.environ | {"CGO_ENABLED": "0"},
        input="\n".join(calls),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_draws_are_stratified(draws: list[Draw]) -> None:
    assert len(draws) == DRAWS
    strata = Counter(draw.stratum for draw in draws)
    assert strata == dict.fromkeys(["cached", "tiered", "dated", "batch", "tier", "other"], DRAWS // 6)
    assert len({draw.provider for draw in draws}) >= 10
    assert sum(draw.expected() > 0 for draw in draws) == DRAWS


@pytest.mark.shows("K03", "F25")
def test_costs_equal_genai_prices(draws: list[Draw], root: Path) -> None:
    answers = prices_of(root, [draw.call() for draw in draws])
    wrong = [
        f"{draw}: {draw.expected()!r} expected, {answer}"
        for draw, answer in zip(draws, answers, strict=True)
        if answer["Status"] != "priced" or abs(answer["USD"] - draw.expected()) > TOLERANCE
    ]
    equal = len(draws) - len(wrong)
    print(f"{equal} of {len(draws)} costs equal genai-prices' to {TOLERANCE} USD")
    assert not wrong, f"{equal} of {len(draws)} equal; " + "\n".join(wrong[:10])


def test_every_listed_model_is_found(root: Path) -> None:
    """Matching, too: each id of the list leads to what it leads to in genai-prices, with its provider and without."""
    at, cases = datetime(2026, 11, 20, 12, tzinfo=UTC), []
    usage = {"input_tokens": 20_000, "output_tokens": 3_000, "cache_read_tokens": 5_000, "cache_write_tokens": 1_000}
    for provider in providers:
        for model in provider.models:
            cases += [Draw("", name, model.id, at, usage) for name in (provider.id, "")]
    answers = prices_of(root, [case.call() for case in cases])
    wrong = []
    for case, answer in zip(cases, answers, strict=True):
        try:
            found = calc_price(
                Usage(**usage), case.model, provider_id=case.provider or None, genai_request_timestamp=at
            )
        except LookupError:
            continue  # ours may know more: vendor/model without a provider
        if abs(answer["USD"] - float(found.total_price)) > TOLERANCE:
            wrong.append(f"{case.provider!r} {case.model!r}: {found.total_price} ({found.provider.id}), {answer}")
    assert len(cases) > 4_000
    assert not wrong, f"{len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:20])
