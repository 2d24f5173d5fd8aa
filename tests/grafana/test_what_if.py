"""The cost of the range with another model, against figures worked out on paper."""

from typing import Any

import psycopg
import pytest
from dashboard_stores import DASHBOARDS, Filled
from otelgate_audit.model import partitions
from otelgate_console.asking import interpolation, variables
from otelgate_grafana import prices

_CALLS = (
    # feature, model, input, output, cache read, cache written, USD
    ("compare", "claude-sonnet-4-5", 10_000, 1_000, 4_000, 2_000, 0.0357),  # 4,000x3 + 4,000x0.3 + 2,000x3.75 + 15,000
    ("compare", "claude-sonnet-4-5", 10_000, 1_000, None, None, 0.045),  # 10,000x3 + 1,000x15
    ("chat", "claude-opus-4-5", 100, 200, None, None, 0.0055),  # 100x5 + 200x25
    (None, "my-own-model", 300_000, 1_000, None, None, None),
)


@pytest.fixture(scope="module")
def calls(filled: Filled) -> Filled:
    columns = "feature, request_model, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cost_usd"
    started = filled.window.end - 60
    with psycopg.connect(filled.owner) as connection:
        # Just after midnight the day's partition does not exist yet.
        partitions.create(connection, [partitions.covering("audit.model_calls", started * 10**6)])
        for number, call in enumerate(_CALLS):
            connection.execute(
                "INSERT INTO audit.model_calls (start_time, trace_id, span_id, service, duration_us, status, operation,"
                f" {columns}) VALUES (to_timestamp(%s), %s, 'a', 'what-if', 1, 'ok', 'chat', {', '.join(['%s'] * 7)})",
                [started, f"what-if {number}", *call],
            )
    return filled


def _rows(filled: Filled, model: str) -> dict[str, tuple[float, float, float | None]]:
    """Feature -> cost, cost with the model, change."""
    dashboard = DASHBOARDS["ai-cost"]
    (panel,) = [panel for panel in dashboard.panels if panel.title == "What if"]
    chosen: dict[str, Any] = {"service": "what-if", "what_if": model}
    text = interpolation.interpolate(panel.queries[0].text, variables.defaults(dashboard) | chosen, filled.window)
    assert filled.stores.database is not None
    with psycopg.connect(filled.stores.database) as connection:
        rows = connection.execute(text.encode()).fetchall()
    assert rows[0][0] == "everything"
    return {row[0]: (float(row[5]), float(row[6]), row[7]) for row in rows}


@pytest.mark.shows("F25")
def test_comparison_prices_calls_on_haiku(calls: Filled) -> None:
    found = _rows(calls, "claude-haiku-4-5")
    # A third of Sonnet's, whichever kind of token: 0.0807 / 3.
    assert found["compare"] == pytest.approx((0.0807, 0.0269, -2 / 3))
    assert found["chat"] == pytest.approx((0.0055, 0.0011, -0.8))
    # 300,000x1 + 1,000x5; nothing was paid for it.
    assert found["(none)"][:2] == pytest.approx((0, 0.305))
    assert found["(none)"][2] is None
    assert found["everything"] == pytest.approx((0.0862, 0.333, 0.333 / 0.0862 - 1))


def test_the_same_model_costs_the_same(calls: Filled) -> None:
    assert _rows(calls, "claude-sonnet-4-5")["compare"] == pytest.approx((0.0807, 0.0807, 0), abs=1e-12)


def test_a_large_call_has_its_own_price(calls: Filled) -> None:
    # Above 200,000 input tokens: 300,000x6 + 1,000x22.5.
    assert _rows(calls, "claude-sonnet-4-5")["(none)"][1] == pytest.approx(1.8225)


def test_missing_cache_price_falls_back_to_input_price(calls: Filled) -> None:
    # 4,000x0.15 + 4,000x0.075 + 2,000x0.15 + 1,000x0.6, and 10,000x0.15 + 1,000x0.6
    assert _rows(calls, "gpt-4o-mini")["compare"][1] == pytest.approx((1_800 + 2_100) / 1e6)


@pytest.mark.shows("F25")
def test_every_model_of_the_choice_has_a_price() -> None:
    assert all(prices.of(model) for model in prices.MODELS)
    assert prices.of("claude-sonnet-4-5") == [
        prices.Price(-1, 200_000, 3, 0.3, 3.75, 15),
        prices.Price(200_000, None, 6, 0.6, 7.5, 22.5),
    ]
