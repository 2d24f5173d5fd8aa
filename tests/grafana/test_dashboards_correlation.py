"""The ways between the stores, as provisioned: each followed after a real run of an agent behind the real gateway."""

import io
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
import thrown_away
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from otelgate_grafana import links, provisioning, uids
from otelgate_stack import access, ports, settings
from otelgate_stack.demo import demo
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from waiting import until

SERVICE = "bike-shop"


@dataclass(frozen=True)
class Running:
    """A stack in which an agent has run; `trace_id` comes from an exemplar."""

    settings: settings.Settings
    trace_id: str
    labels: dict[str, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("ways")
    kept = {name: value for name, value in os.environ.items() if name in {"HOME", "XDG_CACHE_HOME", "PATH"}}
    loaded = settings.load({**kept, **ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state")})
    engine = NativeEngine(loaded, Report(io.StringIO()))
    engine.up()
    try:
        _call_between_services(loaded)
        assert demo.run(loaded, Report(io.StringIO()), runs=2, wait_s=180) == 0
        labels = _exemplar(loaded)
        yield Running(loaded, labels[_source(uids.PROMETHEUS)["exemplarTraceIdDestinations"][0]["name"]], labels)
    finally:
        thrown_away.end(loaded)


def test_an_exemplar_opens_its_trace(running: Running) -> None:
    assert _spans(running) > 0


def test_a_trace_opens_its_log_lines(running: Running) -> None:
    way = _source(uids.TEMPO)["tracesToLogsV2"]
    query = _expanded(way["query"]).replace("${__tags}", _tags(way)).replace("${__span.traceId}", running.trace_id)
    streams = _log_lines(running, query)
    assert streams
    assert {stream["service_name"] for stream in streams} == {SERVICE}


def test_a_trace_opens_its_metrics(running: Running) -> None:
    way = _source(uids.TEMPO)["tracesToMetrics"]
    assert len(way["queries"]) >= 4
    for named in way["queries"]:
        query = _expanded(named["query"]).replace("$__tags", _tags(way))
        # A range of an hour is enough for two runs.
        answer = _get(running, uids.PROMETHEUS, "/api/v1/query", query=query.replace("[5m]", "[1h]"))
        assert answer["status"] == "success", named["name"]
        found = answer["data"]["result"]
        assert found or named["name"] == "Turns that fail", named["name"]


@pytest.mark.parametrize("tracing", [uids.TEMPO, uids.JAEGER])
@pytest.mark.shows("F8")
def test_a_trace_opens_its_turn(running: Running, tracing: str) -> None:
    (way,) = next(source for source in provisioning.load("datasources") if source["uid"] == tracing)["correlations"]
    query = _expanded(way["config"]["target"]["rawSql"]).replace("${__value.raw}", running.trace_id)
    rows = _rows(running, query)
    assert len(rows) == 1
    assert rows[0]["service"] == SERVICE


def test_a_log_line_opens_its_trace_and_its_turn(running: Running) -> None:
    (stream, *_) = _log_lines(running, f'{{service_name="{SERVICE}"}} | trace_id != ""')
    for field in _source(uids.LOKI)["derivedFields"]:
        assert field["matcherType"] == "label"
        trace_id = stream[field["matcherRegex"]]
        link = _expanded(field["url"]).replace("${__value.raw}", trace_id)
        assert link in (trace_id, f"/d/{uids.CONVERSATION_AUDIT}?var-trace={trace_id}")
        assert len(_rows(running, f"SELECT service FROM audit.turns WHERE trace_id = '{trace_id}'")) == 1
        assert _get(running, uids.TEMPO, f"/api/v2/traces/{trace_id}")["trace"]["resourceSpans"]


@pytest.mark.shows("F8")
def test_a_turn_opens_its_trace_and_its_log_lines(running: Running) -> None:
    queries = []
    for link in (links.trace(), links.logs()):
        url = unquote(str(link.build().url)).replace(links.VALUE, running.trace_id)
        panes = re.search(r"panes=(.*)", url)
        assert panes
        queries += json.loads(panes[1])["one"]["queries"]
    trace, logs = queries
    assert (trace["datasource"]["uid"], trace["query"]) == (uids.TEMPO, running.trace_id)
    assert _spans(running) > 0
    assert logs["datasource"]["uid"] == uids.LOKI
    assert _log_lines(running, logs["expr"])


def test_the_service_graph_knows_who_calls_whom(running: Running) -> None:
    """Last: Tempo's generator waits 10 s for a call's other half and writes every 15 s."""

    def edges() -> set[tuple[str, str]]:
        query = "sum by (client, server) (traces_service_graph_request_total)"
        found = _get(running, uids.PROMETHEUS, "/api/v1/query", query=query)["data"]["result"]
        return {(series["metric"]["client"], series["metric"]["server"]) for series in found}

    assert _source(uids.TEMPO)["serviceMap"]["datasourceUid"] == uids.PROMETHEUS
    assert until(lambda: {("web", "agent"), ("agent", "openai")} <= edges())


def _call_between_services(loaded: settings.Settings) -> None:
    """A page that calls an agent, which calls a model."""
    endpoint = f"http://127.0.0.1:{loaded.grpc_port}"
    providers = {name: TracerProvider(resource=Resource({"service.name": name})) for name in ("web", "agent")}
    for provider in providers.values():
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    web, agent = (provider.get_tracer("test") for provider in providers.values())
    model = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    with (
        web.start_as_current_span("GET /ask", kind=SpanKind.CLIENT),
        agent.start_as_current_span("GET /ask", kind=SpanKind.SERVER),
        agent.start_as_current_span("chat gpt-4o", kind=SpanKind.CLIENT, attributes=model),
    ):
        pass
    for provider in providers.values():
        provider.shutdown()


def _exemplar(loaded: settings.Settings) -> dict[str, str]:
    """The labels of one dot on the graph of turns."""
    found: list[Any] = []

    def arrived() -> bool:
        parameters = {
            "query": f'gen_ai_invoke_agent_duration_seconds_bucket{{service_name="{SERVICE}"}}',
            "start": str(time.time() - 600),
            "end": str(time.time()),
        }
        answer = access.get(loaded, "prometheus", "/api/v1/query_exemplars", params=parameters).json()
        found[:] = [entry for series in answer["data"] for entry in series["exemplars"]]
        return bool(found)

    assert until(arrived)
    labels: dict[str, str] = found[0]["labels"]
    return labels


def _spans(running: Running) -> int:
    trace = _get(running, uids.TEMPO, f"/api/v2/traces/{running.trace_id}")["trace"]
    return sum(len(scope["spans"]) for resource in trace["resourceSpans"] for scope in resource["scopeSpans"])


def _log_lines(running: Running, query: str) -> list[dict[str, str]]:
    """The labels of each stream that has lines."""
    end = time.time()
    window = {"start": str(round((end - 600) * 1e9)), "end": str(round(end * 1e9))}
    answer = _get(running, uids.LOKI, "/loki/api/v1/query_range", query=query, **window)
    return [stream["stream"] for stream in answer["data"]["result"]]


def _rows(running: Running, query: str) -> list[dict[str, Any]]:
    """As Grafana's role."""
    file = running.settings.grafana_database_password_file
    assert file is not None
    given = {"user": "otelgate_grafana", "password": file.read_text().strip()}
    with psycopg.connect(running.settings.database, **given, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(query.encode()).fetchall()


def _source(uid: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in provisioning.load("datasources") if s["uid"] == uid)["jsonData"]
    return found


def _expanded(text: str) -> str:
    return provisioning.expand(text, {})


def _tags(way: dict[str, Any]) -> str:
    """Grafana's text for `__tags`."""
    known = {"service.name": SERVICE}
    return ", ".join(f'{tag["value"]}="{known[tag["key"]]}"' for tag in way["tags"])


def _get(running: Running, uid: str, path: str, **parameters: str) -> Any:
    store = {uids.PROMETHEUS: "prometheus", uids.LOKI: "loki", uids.TEMPO: "tempo"}[uid]
    json = {"Accept": "application/json"}
    answer = access.get(running.settings, store, path, params=parameters, headers=json, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()
