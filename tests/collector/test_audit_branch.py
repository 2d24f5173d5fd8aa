"""The fork to the audit sink, in the real gateway: what goes there and in which words; and labels of metrics.

The sink and Prometheus are made up here; the other stores are away.
"""

import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
import remote_write
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otelgate_stack import ports

SERVICES = "opentelemetry.proto.collector"
KEPT = {"chat", "execute_tool", "invoke_agent", "invoke_workflow", "embeddings", "generate_content", "text_completion"}


@dataclass
class Sink:
    """The audit sink's side: keeps every request, answers UNAVAILABLE as often as `refuse` says."""

    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    refuse: int = 0
    port: int = 0

    def take(self, into: list[Any], request: Any, context: grpc.ServicerContext) -> bytes:
        if self.refuse > 0:
            self.refuse -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        into.append(request)
        return b""

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.traces
            for rs in request.resource_spans
            for ss in rs.scope_spans
            for span in ss.spans
        ]

    def records(self) -> list[Any]:
        return [
            record
            for request in self.logs
            for rl in request.resource_logs
            for sl in rl.scope_logs
            for record in sl.log_records
        ]


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    server = grpc.server(ThreadPoolExecutor(4))
    for service, into, kind in (
        ("trace.v1.TraceService", made.traces, ExportTraceServiceRequest),
        ("logs.v1.LogsService", made.logs, ExportLogsServiceRequest),
    ):
        handler = grpc.unary_unary_rpc_method_handler(
            lambda request, context, into=into: made.take(into, request, context), kind.FromString
        )
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(f"{SERVICES}.{service}", {"Export": handler})]
        )
    made.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield made
    server.stop(None).wait()


@dataclass
class Gateway:
    endpoint: str
    data_dir: Path

    def send(self, signal: str, request: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        post = urllib.request.Request(f"{self.endpoint}/v1/{signal}", json.dumps(request).encode(), headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(post, timeout=30):
            pass

    def queues(self) -> list[str]:
        return sorted(path.name for path in self.data_dir.iterdir())


@contextmanager
def running(binary: Path, root: Path, folder: Path, **settings: str) -> Iterator[Gateway]:
    numbers = {name: number for name, number in ports.free_env().items() if name in GATEWAY_PORTS}
    env = {"PATH": os.environ["PATH"], "OTELGATE_DATA_DIR": str(folder / "queues"), **numbers, **settings}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([binary, f"--config={root / 'collector/config'}"], env=env, stdout=log, stderr=log) as process,
    ):
        try:
            wait(lambda: answers(f"http://127.0.0.1:{env['OTELGATE_HEALTH_PORT']}/"), f"{folder}/log tells more")
            yield Gateway(f"http://127.0.0.1:{env['OTELGATE_HTTP_PORT']}", folder / "queues")
        finally:
            process.kill()  # asked to stop, it tries Prometheus for two minutes


GATEWAY_PORTS = {f"OTELGATE_{name}_PORT" for name in ("GRPC", "HTTP", "HEALTH", "METRICS", "SELF")}


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5):
            return True
    except OSError:
        return False


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def attributes(item: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in item.attributes}


def recorded(root: Path, case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "tests/golden" / case / "in.json").read_text())
    return found


def span(number: int, **attributes: object) -> dict[str, Any]:
    given = [{"key": name.replace("__", "."), "value": {"stringValue": value}} for name, value in attributes.items()]
    return {
        "traceId": "0" * 31 + "1",
        "spanId": f"{number:016x}",
        "name": f"span {number}",
        "startTimeUnixNano": "1767323045000000000",
        "endTimeUnixNano": "1767323046000000000",
        "attributes": given,
    }


def traces(*spans: dict[str, Any]) -> dict[str, Any]:
    service = {"key": "service.name", "value": {"stringValue": "shop"}}
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": list(spans)}]}]}


def test_sink_receives_content_of_kept_spans(gateway_binary: Path, root: Path, tmp_path: Path, sink: Sink) -> None:
    sink.refuse = 2
    last = span(99, gen_ai__operation__name="chat", gen_ai__input__messages="my mail is bob@example.com, what is new?")
    settings = {"OTELGATE_AUDIT_ENDPOINT": f"127.0.0.1:{sink.port}", "OTELGATE_CONTENT_AUDIT": "masked"}
    with running(gateway_binary, root, tmp_path, **settings) as gateway:
        begin = time.time_ns()
        request = recorded(root, "openinference-team-content")
        gateway.send("traces", request)
        gateway.send("traces", traces(
            span(1, http__request__method="GET"),
            span(2, openinference__span__kind="CHAIN", metadata='{"thread": "t"}'),
            span(3, openinference__span__kind="CHAIN", metadata='{"langgraph_node": "model"}'),
            span(4, gen_ai__operation__name="retrieval"),
            last,
        ))  # fmt: skip
        wait(lambda: {"chat", "invoke_agent clerk"} <= {one.name for one in sink.spans()}, "the sink didn't get all")
        end = time.time_ns()
        queues = gateway.queues()
    assert any("audit" in name for name in queues), queues
    by_name = {one.name: attributes(one) for one in sink.spans()}
    assert by_name["chat"]["gen_ai.input.messages"] == "my mail is [email], what is new?"
    assert {"span 1", "span 3", "retrieval", "model", "route"}.isdisjoint(by_name)
    assert {"span 2", "invoke_agent LangGraph", "execute_tool ask_clerk"} <= set(by_name)
    operations = [attributes(one).get("gen_ai.operation.name") for one in sink.spans()]
    assert set(operations) - {None} <= KEPT
    assert {"chat", "execute_tool", "invoke_agent"} <= set(operations)
    runs = [found for found in map(attributes, sink.spans()) if found.get("gen_ai.operation.name") == "invoke_agent"]
    assert all(begin <= found["otelgate.run.received_at"] <= end for found in runs)
    assert all("otelgate.cost.status" in attributes(one) for one in sink.spans() if one.name.startswith("chat "))


def event(name: str, **attributes: str) -> dict[str, Any]:
    given = [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in attributes.items()]
    return {"timeUnixNano": "1767323045000000000", "eventName": name, "attributes": given, "body": {"stringValue": "b"}}


def test_three_kinds_of_log_events_go_there(gateway_binary: Path, root: Path, tmp_path: Path, sink: Sink) -> None:
    records = [
        event("", number="1"),
        event("gen_ai.user.message", number="2"),
        event("otelgate.feedback", number="3", otelgate__feedback__comment="call +49 30 1234567"),
        event("gen_ai.evaluation.result", number="4"),
        event("", number="5", event__name="otelgate.feedback"),  # as older SDKs write it
        event("", number="6", otelgate__event__name="signup"),
    ]
    settings = {"OTELGATE_AUDIT_ENDPOINT": f"127.0.0.1:{sink.port}", "OTELGATE_CONTENT_AUDIT": "masked"}
    with running(gateway_binary, root, tmp_path, **settings) as gateway:
        gateway.send("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
        wait(sink.records, "the sink got nothing")
    found = {attributes(record)["number"]: attributes(record) for record in sink.records()}
    assert set(found) == {"3", "4", "5", "6"}
    assert found["3"]["otelgate.feedback.comment"] == "call [phone]"


def test_content_is_kept_of_senders_that_opted_in(gateway_binary: Path, root: Path, tmp_path: Path, sink: Sink) -> None:
    """And a person is the same one everywhere, without their address."""
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef")
    said = {"gen_ai__operation__name": "chat", "gen_ai__input__messages": "hi", "user__id": "ann@example.com"}
    quiet, open_minded = traces(span(1, **said)), traces(span(2, **said))
    open_minded["resourceSpans"][0]["resource"]["attributes"].append(
        {"key": "otelgate.content", "value": {"boolValue": True}}
    )
    settings = {"OTELGATE_AUDIT_ENDPOINT": f"127.0.0.1:{sink.port}", "OTELGATE_PSEUDONYM_KEY_FILE": str(key)}
    with running(gateway_binary, root, tmp_path, **settings) as gateway:
        gateway.send("traces", quiet)
        gateway.send("traces", open_minded)
        wait(lambda: len(sink.spans()) == 2, "the sink didn't get all")
    found = {one.span_id[-1]: attributes(one) for one in sink.spans()}
    assert "gen_ai.input.messages" not in found[1]
    assert found[2]["gen_ai.input.messages"] == "hi"
    assert found[1]["user.id"] == found[2]["user.id"]
    assert re.fullmatch(r"\[email:[0-9a-f]{16}\]", found[1]["user.id"])


def test_switched_off_it_is_not_there(gateway_binary: Path, root: Path, tmp_path: Path) -> None:
    with running(gateway_binary, root, tmp_path, OTELGATE_AUDIT="false") as gateway:
        gateway.send("traces", recorded(root, "sdk-agent"))
        queues = gateway.queues()
    assert any("tempo" in name for name in queues), queues
    assert not any("audit" in name for name in queues), queues


class Prometheus(ThreadingHTTPServer):
    """Takes remote writes; `written` is their protobuf."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        written = self.written

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                written.append(remote_write.unpacked(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


def label(name: str, value: str) -> bytes:
    pair = b"".join(tag + bytes([len(text)]) + text.encode() for tag, text in ((b"\n", name), (b"\x12", value)))
    return b"\n" + bytes([len(pair)]) + pair


def test_a_points_own_service_is_its_label(gateway_binary: Path, root: Path, tmp_path: Path) -> None:
    def gauge(name: str, **labels: str) -> dict[str, Any]:
        given = [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in labels.items()]
        point = {"asInt": "3", "timeUnixNano": str(time.time_ns()), "attributes": given}
        return {"name": name, "gauge": {"dataPoints": [point]}}

    service = {"key": "service.name", "value": {"stringValue": "otelgate-audit"}}
    metrics = [gauge("otelgate.user.active", service__name="shop", otelgate__window="30d"), gauge("last.one")]
    with Prometheus() as prometheus:
        threading.Thread(target=prometheus.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{prometheus.server_port}/api/v1/write"
        with running(
            gateway_binary, root, tmp_path, OTELGATE_PROMETHEUS_ENDPOINT=url, OTELGATE_AUDIT="false"
        ) as gateway:
            resource = {"attributes": [service]}
            gateway.send(
                "metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}
            )
            wait(lambda: b"last_one" in b"".join(prometheus.written), "Prometheus got nothing")
        prometheus.shutdown()
    written = b"".join(prometheus.written)
    own = label("__name__", "otelgate_user_active"), label("otelgate_window", "30d"), label("service_name", "shop")
    before, _, after = written.partition(own[0])
    assert after, written
    series = after[: after.find(label("__name__", "last_one"))] if label("__name__", "last_one") in after else after
    assert own[1] in series
    assert own[2] in series
    assert label("service_name", "otelgate-audit") not in series
    assert label("service_name", "otelgate-audit") in before + after
