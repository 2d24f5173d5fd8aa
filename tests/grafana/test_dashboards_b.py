"""The applications' own numbers and the saved log queries, by way of the real gateway into real stores."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import emit_planted
import planted_lines
import pytest
import thrown_away
from dashboard_stores import DASHBOARDS
from otelgate_console.asking import panels, stores, variables
from otelgate_console.asking.window import Window
from otelgate_grafana import logql, names
from otelgate_stack import access, clients, ports, settings
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from waiting import until

pytestmark = pytest.mark.starts

LINE_QUERIES = [query for query in logql.QUERIES if not query.counts]
COUNT_QUERIES = [query for query in logql.QUERIES if query.counts]
_APPLICATIONS = ("service-health", "osool-business", "execora-voice")
_FROM_EXPORTERS = ("node_", "redis_", "probe_", "otelgate_session_active")


@dataclass(frozen=True)
class Shop:
    """Stores in which the applications' telemetry has arrived; `started` in Unix seconds."""

    settings: settings.Settings
    prometheus: clients.Prometheus
    loki: clients.Loki
    started: float


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    kept = {name: value for name, value in os.environ.items() if name in {"HOME", "XDG_CACHE_HOME", "PATH"}}
    given = {**kept, **ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state"), "OTELGATE_AUDIT": "false"}
    loaded = settings.load(given)
    engine = NativeEngine(loaded, Report(), services=["prometheus", "loki", "tempo", "gateway"])
    started = time.time()
    engine.up()
    try:
        _emit(loaded, kept)
        seen = Shop(loaded, clients.Prometheus.of(loaded), clients.Loki.of(loaded), started)
        wanted = len(planted_lines.LINES)
        assert until(lambda: len(_texts(seen, logql.EVERYTHING + ' | scope_name = "shop"')) == wanted)
        assert until(lambda: seen.prometheus.query("otelgate_event_count_total > 2"))
        yield seen
    finally:
        thrown_away.end(loaded)


def _emit(loaded: settings.Settings, kept: dict[str, str]) -> None:
    environment = kept | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{loaded.grpc_port}",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }
    script = Path(emit_planted.__file__)
    running = [
        subprocess.Popen(
            [sys.executable, script, service],
            env=environment | {"OTEL_SERVICE_NAME": service},
            stderr=subprocess.PIPE,
            text=True,
        )
        for service in planted_lines.SERVICES
    ]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors


def _texts(shop: Shop, expr: str) -> list[str]:
    return sorted(line.line for line in shop.loki.query_range(expr))


@pytest.mark.parametrize("query", LINE_QUERIES, ids=lambda query: query.name)
@pytest.mark.shows("K35", "F20")
def test_a_log_query_finds_its_lines_and_no_others(shop: Shop, query: logql.LogQuery) -> None:
    found = shop.loki.query_range(query.anywhere())
    assert all("__error__" not in line.labels | line.metadata for line in found)
    if query is logql.EVENTS:
        assert {line.metadata["otelgate_event_name"] for line in found} == {event.name for event in names.EVENTS}
    elif query is logql.NEGATIVE_VOTES:
        assert [line.metadata["trace_id"] for line in found] == ["2" * 32]
    else:
        wanted = sorted(line.text for line in planted_lines.LINES if query.name in line.found_by)
        assert sorted(line.line for line in found) == wanted
        assert 0 < len(wanted) < len(planted_lines.LINES)


def test_every_log_query_has_a_line_to_find() -> None:
    known = {name for line in planted_lines.LINES for name in line.found_by}
    assert known | {logql.EVENTS.name, logql.NEGATIVE_VOTES.name} == {query.name for query in LINE_QUERIES}


def test_log_queries_that_count_give_sums(shop: Shop) -> None:
    errors = [line.service for line in planted_lines.LINES if "errors" in line.found_by]
    expected: dict[str, dict[str, float]] = {
        "errors-by-service": {service: float(errors.count(service)) for service in set(errors)},
        "exceptions": {"estate-bot TimeoutError": 1.0, "estate-bot ValueError": 1.0},
        "cost-logged": {"estate-bot": sum(line.extra.get("turn.cost_usd", 0) for line in planted_lines.LINES)},
    }
    for query in COUNT_QUERIES:
        asked = access.get(shop.settings, "loki", "/loki/api/v1/query", params={"query": query.anywhere()})
        answer = asked.raise_for_status().json()["data"]["result"]
        given = {_legend(query.legend, series["metric"]): float(series["value"][1]) for series in answer}
        if query is logql.LINES_BY_LEVEL:
            assert given["ERROR"] == len([line for line in planted_lines.LINES if line.level == "ERROR"])
        else:
            assert given == pytest.approx(expected[query.name]), query.name


def _legend(template: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        template = template.replace("{{" + name + "}}", value)
    return template


@pytest.mark.parametrize("instrument", names.INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_instrument_has_documented_name_and_labels(shop: Shop, instrument: names.Instrument) -> None:
    suffixes = ("_bucket", "_sum", "_count") if instrument.kind == "histogram" else ("",)
    for suffix in suffixes:
        samples = shop.prometheus.query(f'{instrument.series}{suffix}{{service_name="osool"}}')
        assert samples, f"{instrument.series}{suffix}"
        wanted = {name.replace(".", "_"): str(emit_planted.VALUES[name]) for name in instrument.attributes}
        wanted |= {"service_name": "osool", "deployment_environment_name": "test"}
        # OpenTelemetry's instrumentation of processes has its own series in addition to ours.
        assert any(sample.labels | wanted == sample.labels for sample in samples), samples[0].labels
        if suffix == "_bucket":
            bounds = {float(sample.labels["le"]) for sample in samples}
            assert bounds == {*instrument.bounds, float("inf")}


@pytest.mark.parametrize("event", names.EVENTS, ids=lambda event: event.name)
def test_product_event_is_counted_by_documented_labels(shop: Shop, event: names.Event) -> None:
    labels = {name: values[0] for name, values in event.attributes if values}
    matchers = ", ".join(f'{name}="{value}"' for name, value in {"event_name": event.name, **labels}.items())
    assert shop.prometheus.value(f'otelgate_event_count_total{{service_name="osool", {matchers}}}') == 3
    if event.unit:
        assert shop.prometheus.value(f'otelgate_event_value_total{{service_name="osool", {matchers}}}') == 6


@pytest.mark.parametrize("name", _APPLICATIONS)
def test_panels_show_data_of_applications(shop: Shop, name: str) -> None:
    dashboard = DASHBOARDS[name]
    now = time.time()
    window = Window(now - 600, now)
    limit = stores.TIMEOUT_S
    where = stores.Stores(clients.Prometheus.of(shop.settings, limit), clients.Loki.of(shop.settings, limit))
    answers = panels.ask(dashboard, where, window, **variables.everything(dashboard))
    assert [answer for answer in answers if answer.result.error] == []
    empty = [f"{answer.panel.title}: {answer.query.text}" for answer in answers if not answer.result.rows]
    own = [text for text in empty if not any(name in text for name in (*_FROM_EXPORTERS, "gen_ai_", "otelgate_speech"))]
    assert own == []


def test_the_rendered_library_can_be_pasted() -> None:
    entries = json.loads(logql.text())
    assert [entry["name"] for entry in entries] == [query.name for query in logql.QUERIES]
    assert all(entry["title"] and entry["description"] and "$" not in entry["logql"] for entry in entries)
