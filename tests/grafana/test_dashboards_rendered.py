"""The committed dashboards are those of the Python code, and every one keeps to the rules."""

import json

import dashboard_series
import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from otelgate_console.asking import window as windows
from otelgate_console.asking.interpolation import interpolate
from otelgate_grafana import __main__ as command
from otelgate_grafana import identity, lint, main, provisioning, render, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import stat, table, timeseries
from otelgate_grafana.promql import TURNS, increase, quantile, select
from otelgate_grafana.queries import prom, sql

DASHBOARDS = pytest.mark.parametrize("dashboard", main.DASHBOARDS, ids=lambda dashboard: dashboard.name)
_SAYS = "Says how to read it in a sentence or two."


def test_rendered_files_are_up_to_date() -> None:
    problems = command.stale(command.files())
    assert problems == [], f"grafana/rendered/ differs from the code: run `{command.FIX}`"


def test_rendering_is_deterministic() -> None:
    assert command.files() == command.files()


@pytest.mark.shows("K05")
def test_no_dashboard_has_a_problem() -> None:
    assert [str(problem) for problem in lint.lint(main.DASHBOARDS)] == []


def test_uids_of_links_stay_as_they_were() -> None:
    """Dashboards are found in their folder: a new one needs no line here."""
    assert {dashboard.uid for dashboard in main.DASHBOARDS} >= {
        "otelgate-mission-control",
        "otelgate-ai-cost",
        "otelgate-agent-performance",
        "otelgate-user-analytics",
        "otelgate-conversation-audit",
        "otelgate-service-health",
        "otelgate-gateway",
        "otelgate-estate-product",
        "otelgate-osool-business",
        "otelgate-execora-voice",
    }


@DASHBOARDS
def test_the_sdk_reads_it_back(dashboard: Dashboard) -> None:
    tree = json.loads(render.text(dashboard))
    model = Model.from_json(tree)
    assert (model.uid, model.title) == (dashboard.uid, f"otelgate / {dashboard.title}")
    assert len(model.panels or []) == len(tree["panels"])


@DASHBOARDS
def test_derived_metrics_and_labels_exist(dashboard: Dashboard) -> None:
    """Names of gen_ai.* metrics are those that the gateway derives, and so are the labels that are asked for."""
    known = {dashboard_series.exposed(metric): metric for metric in dashboard_series.derived()}
    for panel in dashboard.panels():
        for query in panel.queries:
            if query.datasource != uids.PROMETHEUS:
                continue
            for name, labels in lint.selectors(query.text):
                plain = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
                if name in known or plain in known:
                    metric = known.get(name) or known[plain]
                    assert labels <= dashboard_series.labels_of(metric), f"{panel.title}: {name}"
                else:
                    assert not name.startswith("gen_ai_"), f"{panel.title}: {name} is not derived"


def test_provisioning_is_what_grafana_understands() -> None:
    assert provisioning.problems() == []


def test_provisioned_values_expand_as_they_should() -> None:
    environment = {name: f"<{name}>" for name in provisioning.ENVIRONMENT}
    sources = {source["uid"]: source for source in provisioning.load("datasources")}
    loki = sources[uids.LOKI]["jsonData"]["derivedFields"][0]
    assert provisioning.expand(loki["url"], environment) == "${__value.raw}"
    assert provisioning.expand(sources[uids.LOKI]["url"], environment) == "<OTELGATE_LOKI_URL>"
    logs = sources[uids.TEMPO]["jsonData"]["tracesToLogsV2"]["query"]
    assert provisioning.expand(logs, environment) == "{${__tags}} | trace_id=`${__span.traceId}`"
    every = {name for name in provisioning.ENVIRONMENT for text in provisioning.strings([
        *provisioning.load("datasources"), *provisioning.load("providers")]) if f"${name}" in text}  # fmt: skip
    assert every == set(provisioning.ENVIRONMENT)


def test_each_way_between_the_stores_is_provisioned() -> None:
    sources = {source["uid"]: source["jsonData"] for source in provisioning.load("datasources")}
    exemplars = sources[uids.PROMETHEUS]["exemplarTraceIdDestinations"]
    assert {entry.get("datasourceUid", entry.get("url", "").split("?")[0]) for entry in exemplars} == {
        uids.TEMPO,
        f"/d/{uids.CONVERSATION_AUDIT}",
    }
    fields = sources[uids.LOKI]["derivedFields"]
    assert {field.get("datasourceUid", field["url"].split("?")[0]) for field in fields} == {
        uids.TEMPO,
        f"/d/{uids.CONVERSATION_AUDIT}",
    }
    for tracing in (uids.TEMPO, uids.JAEGER):
        assert sources[tracing]["tracesToLogsV2"]["datasourceUid"] == uids.LOKI
        assert sources[tracing]["tracesToMetrics"]["datasourceUid"] == uids.PROMETHEUS
    assert sources[uids.TEMPO]["serviceMap"]["datasourceUid"] == uids.PROMETHEUS
    rows = {source["uid"]: source.get("correlations", []) for source in provisioning.load("datasources")}
    assert [row["targetUID"] for uid in (uids.TEMPO, uids.JAEGER) for row in rows[uid]] == [uids.POSTGRES] * 2


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ('sum (rate(x{user_id="a"}[5m]))', "label 'user_id'"),
        ("sum by (session_id) (rate(x[5m]))", "label 'session_id'"),
        ("histogram_quantile(0.9, rate(x_bucket[5m]))", "histogram_quantile"),
        ("histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m])))", "histogram_quantile"),
        ("rate(a[5m]) / rate(b[5m])", "a ratio of series"),
        ("sum (increase(a[1h])) == 0", "a test for zero"),
    ],
)
@pytest.mark.shows("K05")
def test_linter_finds_rule_violations(query: str, what: str) -> None:
    assert any(problem.startswith(what) for problem in lint.promql(query)), lint.promql(query)


@pytest.mark.parametrize(
    "query",
    [
        quantile(0.95, select(f"{TURNS}_bucket", "agent"), by="gen_ai_agent_name"),
        increase(select(f"{TURNS}_count", "agent"), "1h"),
        'sum (rate(x{event_name="user.signup"}[5m]))',
        "sum (otelgate_user_active)",
    ],
)
def test_the_linter_lets_good_queries_pass(query: str) -> None:
    assert lint.promql(query) == []


def test_the_linter_and_the_gateway_refuse_the_same_labels() -> None:
    examples = identity.RULE["examples"]
    assert [name for name in examples["identities"] if not identity.identifies(name)] == []
    assert [name for name in examples["others"] if identity.identifies(name)] == []
    assert {name for name in ("title", "trace_id", "user_tier") if identity.refused(name)} == {"title", "trace_id"}


def test_the_linter_finds_what_a_panel_lacks() -> None:
    rows = (
        Row(
            "Row",
            timeseries("No unit", [prom("up")], unit="", description=_SAYS),
            stat("No words", [prom("up")], unit="s", description=""),
            stat(" ", [prom("up")], unit="s", description=_SAYS),
            table("Variable", [sql("SELECT ${nothing:sqlstring}")], description=_SAYS),
            table("Raw", [sql("SELECT ${service:raw}, '$service', '${service:sqlstring}'")], description=_SAYS),
        ),
    )
    broken = Dashboard(
        uid="otelgate-Other", title="Other", description="Broken", rows=rows, variables=(variables.service(),)
    )
    said = {f"{problem.panel}: {problem.what}".split(": expected")[0] for problem in lint.lint([broken])}
    assert said == {
        ": uid 'otelgate-Other'",
        "No unit: no unit",
        "No words: a description that says how to read it is missing",
        " : empty title",
        "Variable: query A: variable $nothing is not one of the dashboard's",
        "Raw: query A: ${service:raw}",
        "Raw: query A: $service",
        "Raw: query A: ${service:sqlstring} stands between quotes",
    }


@pytest.mark.shows("K24")
def test_a_constant_rate_projects_to_thirty_days() -> None:
    window = windows.Window(0, 7 * 86400)
    assert window.interval == round(7 * 86400 / 500)
    text = interpolate(
        "rate(x[$__rate_interval]) $__timeFrom() ${service:sqlstring} $service", {"service": "a|b"}, window
    )
    assert text == f"rate(x[{window.interval + 15}s]) '1970-01-01T00:00:00Z' 'a|b' a\\\\|b"
