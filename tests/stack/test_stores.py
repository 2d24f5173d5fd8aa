"""The read clients: answers as the stores really give them, errors that tell, and one round trip to each real store."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from otelgate_stack.clients import (
    Alertmanager,
    AuditSink,
    GatewayMetrics,
    Jaeger,
    LogLine,
    Loki,
    Prometheus,
    Sample,
    StoreError,
    Tempo,
)
from otelgate_stack.clients.audit_store import AuditStore
from otelgate_stack.clients.spans import Event, Span
from otelgate_stack.doctor.canary import AGENT, EVENT, PROTOCOLS, SIGNALS, SPANS, TOOL, USER, Canary, send
from otelgate_stack.service_table import SPECS
from otelgate_stack.settings import load
from otelgate_stack.target import find
from waiting import until
from whole_stack import Stack, no_otel_variables, stack

__all__ = ["no_otel_variables", "stack"]

TRACE_ID = "8acbf8d3318502dfb83f0de4da016a5e"


def answering(body: Any, status: int = 200, requests: list[httpx.Request] | None = None) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        return httpx.Response(status, text=body if isinstance(body, str) else json.dumps(body))

    return httpx.MockTransport(handle)


def otlp(trace: Any, span: Any, parent: Any, kind: Any, error: Any) -> dict[str, Any]:
    """The same trace as Tempo (base64, names) and as Jaeger (hex, numbers) write it."""
    attributes = [
        {"key": "s", "value": {"stringValue": "x"}},
        {"key": "n", "value": {"intValue": "3"}},
        {"key": "f", "value": {"doubleValue": 1}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}]}}},
        {"key": "m", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"bytesValue": "aGk="}}]}}},
        {"key": "e", "value": {}},
    ]
    child = {
        "traceId": trace,
        "spanId": span,
        "parentSpanId": parent,
        "name": "child",
        "kind": kind,
        "startTimeUnixNano": "20",
        "endTimeUnixNano": "40",
        "events": [
            {"timeUnixNano": "30", "name": "late"},
            {"timeUnixNano": "21", "name": "early", "attributes": attributes[:1]},
        ],
        "status": {"message": "bad", "code": error},
    }
    root = {
        "traceId": trace,
        "spanId": parent,
        "name": "root",
        "startTimeUnixNano": "10",
        "endTimeUnixNano": "1500000010",
        "attributes": attributes,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scoped = {"scope": {"name": "my.scope"}, "spans": [child, root]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}


TEMPO = otlp("isv40zGFAt+4Pw3k2gFqXg==", "jcuxj0/9beo=", "iGcVBWlB2vM=", "SPAN_KIND_INTERNAL", "STATUS_CODE_ERROR")
JAEGER = otlp(TRACE_ID, "8dcbb18f4ffd6dea", "886715056941daf3", 1, 2)


@pytest.mark.parametrize(
    ("store", "body"), [(Tempo, {"trace": TEMPO}), (Jaeger, {"result": JAEGER})], ids=["tempo", "jaeger"]
)
def test_a_trace_is_flattened(store: type[Tempo] | type[Jaeger], body: Any) -> None:
    resource = {"service.name": "shop"}
    attributes = {"s": "x", "n": 3, "f": 1.0, "b": True, "l": ["a", 2], "m": {"k": b"hi"}, "e": ""}
    root = Span(
        TRACE_ID,
        "886715056941daf3",
        "",
        "root",
        10,
        1_500_000_010,
        attributes=attributes,
        scope="my.scope",
        service="shop",
        resource=resource,
    )
    child = Span(
        TRACE_ID,
        "8dcbb18f4ffd6dea",
        "886715056941daf3",
        "child",
        20,
        40,
        status="error",
        status_message="bad",
        events=(Event("early", 21, {"s": "x"}), Event("late", 30)),
        scope="my.scope",
        service="shop",
        resource=resource,
    )
    assert store("http://s", transport=answering(body)).trace(TRACE_ID) == [root, child]
    assert root.duration_s == 1.5


@pytest.mark.parametrize("store", [Tempo, Jaeger])
def test_an_unknown_trace_is_empty(store: type[Tempo] | type[Jaeger]) -> None:
    assert store("http://s", transport=answering("", 404)).trace(TRACE_ID) == []


@pytest.mark.parametrize("kind", [Prometheus, Loki, Tempo, Jaeger, Alertmanager, GatewayMetrics, AuditSink])
def test_a_client_of_settings_asks_their_port(kind: type[Prometheus]) -> None:
    setting = kind.port_setting or SPECS[kind.service].ports[0].setting
    name = f"OTELGATE_{setting.upper()}"
    scheme = "https" if kind in (Loki, Tempo) else "http"
    assert kind.of(load({name: "4999"})).url == f"{scheme}://127.0.0.1:4999"


def test_prometheus_values() -> None:
    one = {"metric": {"__name__": "up", "job": "a"}, "value": [12.5, "1"]}
    two = {"metric": {"__name__": "up", "job": "b"}, "value": [12.5, "NaN"]}
    vector = {"data": {"resultType": "vector", "result": [one]}}
    client = Prometheus("http://p", transport=answering(vector))
    assert client.query("up") == [Sample({"__name__": "up", "job": "a"}, 1.0, 12.5)]
    assert client.value("up") == 1.0
    empty = {"data": {"resultType": "vector", "result": []}}
    assert Prometheus("http://p", transport=answering(empty)).value("up") is None
    scalar = {"data": {"resultType": "scalar", "result": [12.5, "7"]}}
    assert Prometheus("http://p", transport=answering(scalar)).value("7") == 7.0
    several = Prometheus("http://p", transport=answering({"data": {"resultType": "vector", "result": [one, two]}}))
    with pytest.raises(StoreError, match=re.escape("http://p: query 'up' gives 2 series, expected one")):
        several.value("up")
    matrix = {"data": {"resultType": "matrix", "result": []}}
    with pytest.raises(StoreError, match=re.escape("query 'up[1m]' gives a matrix, expected a vector or a scalar")):
        Prometheus("http://p", transport=answering(matrix)).query("up[1m]")


def test_loki_keeps_labels_and_metadata_apart() -> None:
    requests: list[httpx.Request] = []
    streams = [
        {"stream": {"service_name": "b"}, "values": [["20", "second", {"structuredMetadata": {"trace_id": "t"}}]]},
        {"stream": {"service_name": "a"}, "values": [["10", "first", {}], ["30", "third"]]},
    ]
    body = {"data": {"resultType": "streams", "result": streams}}
    lines = Loki("http://l", transport=answering(body, requests=requests)).query_range("{a=`b`}", 1, 99)
    assert lines == [
        LogLine(10, "first", {"service_name": "a"}, {}),
        LogLine(20, "second", {"service_name": "b"}, {"trace_id": "t"}),
        LogLine(30, "third", {"service_name": "a"}, {}),
    ]
    assert dict(requests[0].url.params) == {
        "query": "{a=`b`}",
        "start": "1",
        "end": "99",
        "limit": "1000",
        "direction": "forward",
    }
    assert requests[0].headers["X-Loki-Response-Encoding-Flags"] == "categorize-labels"


def test_alertmanager_tells_its_alerts() -> None:
    requests: list[httpx.Request] = []
    alert = {"labels": {"alertname": "ServiceDown"}, "status": {"state": "active"}}
    client = Alertmanager("http://a", transport=answering([alert], requests=requests))
    assert client.alerts() == [alert]
    assert requests[0].url == "http://a/api/v2/alerts"


def test_post_sends_body_and_headers_and_tells_why_it_was_refused() -> None:
    requests: list[httpx.Request] = []
    Loki("http://l", transport=answering("", 204, requests)).post("/push", b"body", {"content-type": "text/x"})
    assert (requests[0].method, requests[0].content, requests[0].headers["content-type"]) == ("POST", b"body", "text/x")
    with pytest.raises(StoreError, match=re.escape("http://l/push: HTTP 429: slower")):
        Loki("http://l", transport=answering("slower", 429)).post("/push", b"body")


def test_errors_name_url_status_and_first_line() -> None:
    refused = Loki("http://l/", transport=answering("parse error\nat line 1", 400))
    with pytest.raises(StoreError) as caught:
        refused.query_range("{", 1, 2)
    assert caught.value.status == 400
    url = "http://l/loki/api/v1/query_range?query=%7B&start=1&end=2&limit=1000&direction=forward"
    assert str(caught.value) == f"{url}: HTTP 400: parse error"
    with pytest.raises(StoreError, match=r"http://t/api/v2/traces/1: HTTP 500: empty answer"):
        Tempo("http://t", transport=answering("", 500)).trace("1")
    with pytest.raises(StoreError) as unreachable:
        Prometheus("http://127.0.0.1:1").query("up")
    assert str(unreachable.value) == "http://127.0.0.1:1/api/v1/query: [Errno 111] Connection refused"
    assert unreachable.value.status is None
    assert not Tempo("http://127.0.0.1:1").ready()
    assert not Tempo("http://127.0.0.1:1").reachable()
    starting = Tempo("http://t", transport=answering("starting", 503))
    assert (starting.ready(), starting.reachable()) == (False, True)


def test_the_gateways_metrics_are_read_as_text() -> None:
    text = (
        "# HELP a_total help\n# TYPE a_total counter\n"
        'a_total{exporter="otlp_grpc/tempo",path="say \\"hi\\"\\nC:\\\\x, {y}"} 3\nb 1e+09\nc{} NaN 12\n'
    )
    samples = GatewayMetrics("http://g", transport=answering(text)).samples()
    labels = {"__name__": "a_total", "exporter": "otlp_grpc/tempo", "path": 'say "hi"\nC:\\x, {y}'}
    assert samples[:2] == [Sample(labels, 3.0), Sample({"__name__": "b"}, 1e9)]
    assert samples[2].labels == {"__name__": "c"}
    assert samples[2].value != samples[2].value  # NaN


def test_unavailable_audit_store_is_reported() -> None:
    loaded = load({"OTELGATE_DATABASE_URL": "postgresql://me:s3cret@127.0.0.1:1/audit"})
    with pytest.raises(StoreError) as caught:
        AuditStore(loaded).turns([TRACE_ID])
    text = str(caught.value)
    assert text.startswith("postgresql://127.0.0.1:1/audit: connection failed: ")
    assert "s3cret" not in text
    assert "\n" not in text


def test_the_audit_sinks_health_is_read() -> None:
    well = AuditSink("http://a", transport=answering({"status": "ok"}))
    assert (well.ready(), well.problem()) == (True, "")
    ill = AuditSink("http://a", transport=answering({"status": "database: away"}, 503))
    assert (ill.ready(), ill.reachable(), ill.problem()) == (False, True, "database: away")
    with pytest.raises(StoreError, match=r"^http://a/health: "):
        AuditSink("http://a", transport=answering("<html>")).problem()


def test_sent_telemetry_is_read_back(stack: Stack) -> None:
    """A span, a log record and a metric point, by both protocols, from every real store."""
    settings, canary = stack.settings, Canary()
    for signal in SIGNALS:
        for protocol in PROTOCOLS:
            send(find(settings), signal, protocol, canary)
    tempo, jaeger = Tempo.of(settings), Jaeger.of(settings)
    loki, prometheus = Loki.of(settings), Prometheus.of(settings)
    assert all(store.ready() for store in (tempo, jaeger, loki, prometheus))
    assert GatewayMetrics.of(settings).ready()

    traces: list[Callable[[str], list[Span]]] = [tempo.trace, jaeger.trace]
    for trace in traces:
        spans = until(lambda trace=trace: trace(canary.trace_id), lambda spans: len(spans) == 2)
        assert [span.name for span in spans] == list(SPANS.values())
        assert {span.service for span in spans} == {"otelgate-doctor"}
        assert {span.trace_id for span in spans} == {canary.trace_id}
    found = until(lambda: tempo.search(f'{{ name = "{SPANS["grpc"]}" }}'))
    assert [trace.trace_id for trace in found] == [canary.trace_id]
    query = f'{{service_name="otelgate-doctor"}} | trace_id="{canary.trace_id}"'
    lines = until(lambda: loki.query_range(query), lambda lines: len(lines) == 2)
    assert sorted(line.line for line in lines) == ["canary by grpc", "canary by http"]
    gauge = "otelgate_doctor_canary_seconds"
    samples = until(lambda: prometheus.query(gauge), lambda samples: len(samples) == 2)
    assert {sample.labels["instance"]: sample.value for sample in samples} == {
        "doctor-grpc": canary.made_s,
        "doctor-http": canary.made_s,
    }

    audit = AuditStore(settings)
    (row,) = until(
        lambda: audit.turns([canary.trace_id]),
        lambda rows: bool(rows) and rows[0]["runs"] + rows[0]["tool_calls"] == 2,
    )
    assert (row["service"], row["agent"], row["user_id"]) == ("otelgate-doctor", AGENT, USER)
    assert [call["tool"] for call in audit.tool_calls(canary.trace_id)] == [TOOL]
    assert [vote["rating"] for vote in until(lambda: audit.feedback(canary.trace_id))] == ["positive"]
    assert [event["user_id"] for event in until(lambda: audit.events(EVENT, canary.trace_id))] == [USER]
    assert audit.rejects(canary.trace_id) == []
