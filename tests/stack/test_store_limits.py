"""A store's own limits, which would refuse for good, or for as long as they are met, what the gateway sends."""

import json
import time
from collections.abc import Callable

from otelgate_stack import access
from otelgate_stack.engines.native import NativeEngine
from waiting import until

LOKIS_DEFAULT = 5000
"""Streams."""


def test_logs_of_more_services_than_lokis_default_are_taken(engine: Callable[..., NativeEngine]) -> None:
    stack = engine("loki")
    stack.up()
    now, services = time.time_ns(), {f"service-{number}" for number in range(LOKIS_DEFAULT + 1)}
    record = {"timeUnixNano": str(now), "body": {"stringValue": "hello"}}
    resources = [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeLogs": [{"logRecords": [record]}],
        }
        for service in services
    ]
    loki = access.client(stack.settings, "loki", timeout=60)
    body, headers = json.dumps({"resourceLogs": resources}), {"content-type": "application/json"}
    answer = loki.post("/otlp/v1/logs", content=body, headers=headers)
    assert answer.is_success, answer.text

    def taken() -> set[str]:
        times = {"start": now - 60 * 10**9, "end": now + 60 * 10**9}
        values = loki.get("/loki/api/v1/label/service_name/values", params=times).raise_for_status().json()
        return set(values.get("data", ()))

    assert until(taken, lambda found: found == services) == services
