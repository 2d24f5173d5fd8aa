"""`otelgate costs spent`: which rows it reads from Prometheus' answer, and in which order."""

import httpx
from otelgate_stack.clients.prometheus import Prometheus
from otelgate_stack.commands.costs import Spent, read


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
