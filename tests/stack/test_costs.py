"""`otelgate costs`: which rows it reads from Prometheus' answer, in which order, and how it shows a price."""

import dataclasses
import io

import httpx
from commands_page import documented
from otelgate_stack.clients.prometheus import Prometheus
from otelgate_stack.commands.costs import Spent, read, show_price
from otelgate_stack.report import Report


def test_read_costs_gives_the_highest_first() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["query"])
        rows = [("shop", "small", "0.5"), ("bank", "large", "2")]
        result = [
            {"metric": {"service_name": service, "gen_ai_request_model": model}, "value": [1.0, usd]}
            for service, model, usd in rows
        ]
        return httpx.Response(200, json={"data": {"resultType": "vector", "result": result}})

    client = Prometheus("http://p", transport=httpx.MockTransport(answer))
    assert read(client, "24h") == [Spent("bank", "large", 2.0), Spent("shop", "small", 0.5)]
    assert asked == [
        "sum by (service_name, gen_ai_request_model)"
        ' (increase(otelgate_llm_cost_total{service_name!~"otelgate-.*"}[24h])) > 0'
    ]


def test_costs_in_json_have_the_documented_keys() -> None:
    assert {field.name for field in dataclasses.fields(Spent)} == documented()["costs spent"].keys


def shown(**changes: object) -> list[str]:
    standard = {
        "unit": "input_tokens",
        "usd": 5,
        "per": 1000000,
        "above_input_tokens": 0,
        "service_tier": "",
        "since": "",
    }
    entry = {
        "status": "priced",
        "provider": "acme",
        "model": "rocket",
        "match": 'equals "rocket"',
        "file": "prices.json",
        "date": "2026-11-10",
        "version": "genai-prices/0.2.3",
        "prices": [standard, {**standard, "usd": 9.5, "above_input_tokens": 200000, "since": "2026-03-13"}],
    }
    said = io.StringIO()
    show_price({**entry, **changes}, "Rocket", Report(said))
    return [" ".join(line.split()) for line in said.getvalue().splitlines()]


def test_show_price_names_its_source_and_each_rate() -> None:
    assert shown() == [
        "rocket of acme, from prices.json of 2026-11-10 (genai-prices/0.2.3)",
        'matches a name that equals "rocket"',
        "unit USD above input tokens service tier since",
        "input_tokens 5 per 1,000,000",
        "input_tokens 9.5 per 1,000,000 200,000 2026-03-13",
    ]


def test_show_price_of_a_model_without_one_says_so() -> None:
    absent = "Rocket: no price (genai-prices/0.2.3); OTELGATE_PRICES_FILE can give one"
    assert shown(status="unpriced", prices=[]) == [absent]
    assert shown(status="free", prices=[]) == ["Rocket: its provider costs nothing (genai-prices/0.2.3)"]
