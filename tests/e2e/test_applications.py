"""An application with its own token tries to pose as another."""

import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from otelgate_stack.clients import GatewayMetrics
from waiting import until
from world import OwnGateway, whole_trace

TOKENS = {name: secrets.token_urlsafe(32) for name in ("operator", "shop", "bank")}
SERVICES = {"shop": "apps-shop", "bank": "apps-bank"}


def entry(name: str, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(TOKENS[name].encode()).hexdigest()
    return {"name": name, "token_sha256": [digest], "services": [SERVICES[name]], "team": f"{name}-team", **more}


@pytest.fixture(scope="module")
def gateway(own_gateway: OwnGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnGateway]:
    folder = tmp_path_factory.mktemp("applications")
    (folder / "token").write_text(TOKENS["operator"])
    (folder / "applications.yaml").write_text(yaml.safe_dump({"applications": [entry("shop"), entry("bank")]}))
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)  # the container's user is not ours
    own_gateway.gateway.stop()
    own_gateway.gateway.start(
        OTELGATE_TOKEN_FILE=str(folder / "token"),
        OTELGATE_APPLICATIONS_FILE=str(folder / "applications.yaml"),
        OTELGATE_TRACES_TO="tempo",
    )
    yield own_gateway
    own_gateway.gateway.stop()
    own_gateway.gateway.start()


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def send(gateway: OwnGateway, sender: str, signal: str, resource: dict[str, str], items: list[dict[str, Any]]) -> int:
    """Send with the sender's token; returns how many items were refused."""
    outer, inner, kind, rejected = {
        "traces": ("resourceSpans", "scopeSpans", "spans", "rejectedSpans"),
        "logs": ("resourceLogs", "scopeLogs", "logRecords", "rejectedLogRecords"),
        "metrics": ("resourceMetrics", "scopeMetrics", "metrics", "rejectedDataPoints"),
    }[signal]
    body = {outer: [{"resource": {"attributes": attributes(resource)}, inner: [{kind: items}]}]}
    answer = httpx.post(
        f"http://127.0.0.1:{gateway.settings.http_port}/v1/{signal}",
        json=body,
        headers={"Authorization": f"Bearer {TOKENS[sender]}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return int(answer.json().get("partialSuccess", {}).get(rejected, 0))


def span(trace_id: str, **values: str) -> dict[str, Any]:
    now = time.time_ns()
    times = {"startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now)}
    return {
        "traceId": trace_id,
        "spanId": secrets.token_hex(8),
        "name": "step",
        "attributes": attributes(values),
        **times,
    }


def turns(gateway: OwnGateway, trace_id: str) -> list[tuple[Any, ...]]:
    """The service, trace, user and rating of each."""
    query = "SELECT service, trace_id, user_id, rating FROM audit.turns WHERE split_part(trace_id, '@', 1) = %s"
    with psycopg.connect(gateway.database_url) as database:
        return sorted(database.execute(query, [trace_id]).fetchall())


def vote(trace_id: str, rating: str) -> dict[str, Any]:
    return {
        "eventName": "otelgate.feedback",
        "traceId": trace_id,
        "timeUnixNano": str(time.time_ns()),
        "attributes": attributes({"otelgate.feedback.rating": rating}),
    }


def gauge(name: str, value: float = 1, **labels: str) -> dict[str, Any]:
    point = {"asDouble": value, "timeUnixNano": str(time.time_ns()), "attributes": attributes(labels)}
    return {"name": name, "gauge": {"dataPoints": [point]}}


def arrived(gateway: OwnGateway, sender: str, name: str) -> None:
    """Wait until what the sender sends now is in Prometheus, and so what was sent before is, if it will ever be."""
    assert send(gateway, sender, "metrics", {"service.name": SERVICES[sender]}, [gauge(name)]) == 0
    assert until(lambda: gateway.prometheus.query(name.replace(".", "_")))


@pytest.mark.parametrize("service", ["apps-bank", "otelgate-gateway", "otelgate-audit"])
@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_send_as_another_service_is_refused(gateway: OwnGateway, signal: str, service: str) -> None:
    item = {
        "traces": span(secrets.token_hex(16)),
        "logs": {"body": {"stringValue": "x"}, "timeUnixNano": str(time.time_ns())},
        "metrics": gauge("apps.foreign"),
    }[signal]
    assert send(gateway, "shop", signal, {"service.name": service}, [item]) == 1
    if service in SERVICES.values():  # the stack's own would be seen by other tests
        assert send(gateway, "operator", signal, {"service.name": service}, [item]) == 0


def test_send_as_another_application_keeps_the_senders_own_names(gateway: OwnGateway) -> None:
    trace_id = secrets.token_hex(16)
    claimed = {"otelgate.application": "bank", "otelgate.team": "bank-team", "otelgate.cost_center": "cc-bank"}
    assert send(gateway, "shop", "traces", {"service.name": "apps-shop", **claimed}, [span(trace_id)]) == 0
    (found,) = whole_trace(gateway.tempo, trace_id, 1)
    names = {name: found.resource.get(name) for name in claimed}
    assert names == {"otelgate.application": "shop", "otelgate.team": "shop-team", "otelgate.cost_center": None}


def test_send_into_anothers_trace_leaves_its_turn_alone(gateway: OwnGateway) -> None:
    trace_id = secrets.token_hex(16)
    for sender, user in (("bank", "mallory"), ("shop", "alice")):
        turn = span(trace_id, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": sender, "user.id": user})
        assert send(gateway, sender, "traces", {"service.name": SERVICES[sender]}, [turn]) == 0
    # The operator's is that of the feedback endpoint: a vote on the shop's answer.
    assert send(gateway, "operator", "logs", {"service.name": "apps-shop"}, [vote(trace_id, "positive")]) == 0
    assert send(gateway, "bank", "logs", {"service.name": "apps-bank"}, [vote(trace_id, "negative")]) == 0
    expected = [
        ("apps-bank", f"{trace_id}@bank", "mallory", "negative"),
        ("apps-shop", f"{trace_id}@shop", "alice", "positive"),
    ]
    assert until(lambda: turns(gateway, trace_id) == expected), turns(gateway, trace_id)


def test_send_without_a_service_takes_the_applications(gateway: OwnGateway) -> None:
    trace_id = secrets.token_hex(16)
    assert send(gateway, "shop", "traces", {}, [span(trace_id)]) == 0
    (found,) = whole_trace(gateway.tempo, trace_id, 1)
    assert found.service == "apps-shop"


@pytest.mark.parametrize("label", ["service.name", "service_name", "job", "instance"])
def test_send_points_with_labels_of_another_keeps_the_senders(gateway: OwnGateway, label: str) -> None:
    name = f"apps.label.{label.replace('.', '.of.')}"
    assert send(gateway, "shop", "metrics", {"service.name": "apps-shop"}, [gauge(name, **{label: "apps-bank"})]) == 0
    samples = until(lambda: gateway.prometheus.query(name.replace(".", "_")))
    assert [sample.labels["service_name"] for sample in samples] == ["apps-shop"]
    assert "apps-bank" not in samples[0].labels.values()


@pytest.mark.parametrize(
    "name",
    ["otelgate.call.cost", "otelgate_call_cost", "otelcol.receiver", "up", "ALERTS", "probe_success", "target_info"],
)
def test_send_metrics_of_the_stack_itself_is_refused(gateway: OwnGateway, name: str) -> None:
    forged = gauge(name, 1e6, forged="by the shop")
    assert send(gateway, "shop", "metrics", {"service.name": "apps-shop"}, [forged]) == 1
    arrived(gateway, "shop", f"apps.after.{secrets.token_hex(4)}x")
    assert gateway.prometheus.query('{forged="by the shop"}') == []


def test_send_with_an_unknown_token_is_refused(gateway: OwnGateway) -> None:
    url = f"http://127.0.0.1:{gateway.settings.http_port}/v1/traces"
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKENS['shop']}"}):
        assert httpx.post(url, json={}, headers=headers, trust_env=False, timeout=60).status_code == 401


def refused(gateway: OwnGateway) -> float:
    """Metrics that were refused since they pose as another's."""
    wanted = {"action": "refused", "reason": "service_name", "signal": "metrics"}
    return sum(
        sample.value
        for sample in GatewayMetrics.of(gateway.settings).samples()
        if sample.labels["__name__"].removesuffix("_total") == "otelgate_intake_items"
        and wanted.items() <= sample.labels.items()
    )


def test_send_as_another_service_counts_the_refused_items(gateway: OwnGateway) -> None:
    before = refused(gateway)
    assert send(gateway, "bank", "metrics", {"service.name": "apps-shop"}, [gauge("apps.foreign")] * 3) == 3
    assert refused(gateway) == before + 3
