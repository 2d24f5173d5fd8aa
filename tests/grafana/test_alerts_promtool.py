"""promtool's word on the committed rules: they are well formed, each alert fires where it should, and not elsewhere."""

import json
import re
from pathlib import Path

import promtool_rules
import pytest
import yaml
from otelgate_grafana.__main__ import RENDERED
from otelgate_grafana.alerts import render
from otelgate_grafana.alerts.cases import histogram, series
from otelgate_grafana.alerts.model import Expected, expand
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_grafana.promql import CALLS, FEEDBACK, FIRST_CHUNK, HTTP, TOKENS, TOOLS, TURNS
from otelgate_stack import settings
from otelgate_stack.build import builds
from otelgate_stack.report import Report

RULES = RENDERED / "rules"
ALERT_FILES = (RULES / "alerts.yaml", RULES / "examples" / "alerts.yaml")


@pytest.fixture(scope="module")
def promtool() -> Path:
    return builds.build(["promtool"], settings.load(), Report())["promtool"]


def test_the_rules_are_well_formed(promtool: Path) -> None:
    checked = promtool_rules.run(
        promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES / "recording.yaml", *ALERT_FILES
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = [int(number) for number in re.findall(r"(\d+) rules found", checked.stdout)]
    assert sum(found[1:]) == len(ALERTS)


@pytest.mark.shows("K36", "K37", "K38")
def test_each_alert_fires_where_it_should_and_not_elsewhere(promtool: Path, tmp_path: Path) -> None:
    """Each test file of the committed ones, with the rules that it needs."""
    files = promtool_rules.cut(RULES, tmp_path)
    assert len(files) == len(ALERTS)
    tested = promtool_rules.run(promtool, "test", "rules", *files)
    assert tested.returncode == 0, _failures(tested.stdout + tested.stderr)
    assert (tested.stdout + tested.stderr).count("SUCCESS") == len(ALERTS)


def test_wrong_case_fails(promtool: Path, tmp_path: Path) -> None:
    """A summary that differs by a letter: promtool compares labels and annotations whole."""
    promtool_rules.cut(RULES, tmp_path)
    file = tmp_path / "ServiceDown.test.yaml"
    file.write_text(file.read_text().replace("osool does not answer", "osool does not answers"))
    tested = promtool_rules.run(promtool, "test", "rules", file)
    assert tested.returncode != 0
    assert "does not answers" in tested.stdout + tested.stderr


def test_the_committed_tests_run_from_their_place(promtool: Path) -> None:
    """As a person would run them: with all rules at each step. These have few; the test above has all of them."""
    files = sorted((RULES / "tests").glob("*.yaml"))
    trees = {file: promtool_rules.read(file) for file in files}
    assert {tuple(tree["rule_files"]) for tree in trees.values()} == {
        ("../recording.yaml", "../alerts.yaml", "../examples/alerts.yaml")
    }
    short = sorted(files, key=lambda file: promtool_rules.steps(trees[file]))[:12]
    tested = promtool_rules.run(promtool, "test", "rules", *short)
    assert tested.returncode == 0, _failures(tested.stdout + tested.stderr)
    assert (tested.stdout + tested.stderr).count("SUCCESS") == len(short)


def test_a_healthy_stack_is_quiet(promtool: Path, tmp_path: Path) -> None:
    """All rules together over four services in two environments and two gateways: only the watchdog fires.

    It is also where matching of series that are not one to one would show: promtool fails on a rule's error.
    """
    alerts = [
        {"eval_time": "40m", "alertname": alert.name, "exp_alerts": []} for alert in ALERTS if alert.name != "Watchdog"
    ]
    tree = {
        "rule_files": [str(RULES / "recording.yaml"), *map(str, ALERT_FILES)],
        "evaluation_interval": "1m",
        "group_eval_order": promtool_rules.read(RULES / "tests" / "Watchdog.yaml")["group_eval_order"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in _healthy().items()],
                "alert_rule_test": alerts,
            }
        ],
    }
    tested = promtool_rules.run(promtool, "test", "rules", promtool_rules.write(tmp_path / "healthy.yaml", tree))
    assert tested.returncode == 0, _failures(tested.stdout + tested.stderr)


def _healthy() -> dict[str, str]:
    rows: dict[str, str] = {}
    for service in ("estate-bot", "osool", "bestbox", "execora"):
        rows |= _application(service)
        rows |= {name.replace("production", "staging"): values for name, values in _application(service).items()}
        rows[series("otelgate_session_active", service_name=service)] = "6x40"
        rows[series("otelgate_user_over_limit", service_name=service)] = "0x40"
        for quantity in ("runs", "calls", "cost"):
            named = {"service_name": service, "otelgate_audit_quantity": quantity}
            rows[series("otelgate_audit_reconciliation_missing", **named)] = "0x40"
        for kind in ("api", "llm"):
            probe = {"job": "probe", "instance": f"http://{service}/{kind}", "service": service, "kind": kind}
            rows[series("probe_success", **probe)] = "1x40"
    for gateway in ("gw-1", "gw-2"):
        rows |= _gateway(gateway)
    rows[series("otelgate_audit_queue_age_seconds", instance="sink")] = "0x40"
    rows[series("otelgate_audit_keeper_ready", instance="keeper")] = "1x40"
    return rows


def _application(service: str) -> dict[str, str]:
    agent, model = {"gen_ai_agent_name": "helper"}, {"gen_ai_request_model": "gpt-4o"}
    chat = {**agent, **model, "gen_ai_operation_name": "chat", "otelgate_cost_status": "priced"}
    quick = {"0.2": 29.5, "0.5": 30, "1": 30, "2": 30, "5": 30, "15": 30, "30": 30, "+Inf": 30}
    rows = histogram(HTTP, service, quick, 40, http_route="/chat", http_response_status_code="200")
    rows |= histogram(TURNS, service, quick, 40, **agent)
    rows |= {series(f"{TURNS}_count", service, **agent, error_type="timeout"): "0+0.3x40"}
    rows |= histogram(CALLS, service, quick, 40, **chat)
    rows |= histogram(CALLS, service, quick, 40, **agent, gen_ai_operation_name="retrieval")
    rows |= histogram(FIRST_CHUNK, service, quick, 40, **chat)
    rows |= histogram(TOOLS, service, quick, 40, **agent, gen_ai_tool_name="search")
    rows |= {
        series(f"{TOKENS}_sum", service, **chat, gen_ai_token_type=kind): "0+900x40" for kind in ("input", "output")
    }
    rows |= {series("otelgate_llm_cost_total", service, **chat): "0+0.02x40"}
    rows |= {series(FEEDBACK, service, rating=rating): f"0+{n}x40" for rating, n in (("positive", 9), ("negative", 1))}
    rows |= {
        series("target_info", job=service, instance=pod, deployment_environment_name="production"): "1x40"
        for pod in ("a", "b")
    }
    return rows | {
        series("db_client_connection_count", service, instance=pod, state="used"): "20x40" for pod in ("a", "b")
    }


def _gateway(name: str) -> dict[str, str]:
    who = {"job": "otelgate-gateway", "instance": name}
    rows = {series("otelcol_process_uptime_seconds_total", **who): "1+60x40"}
    for exporter, kind, items in (
        ("otlp_grpc/tempo", "traces", "spans"),
        ("otlp_grpc/audit", "traces", "spans"),
        ("otlp_grpc/audit", "logs", "log_records"),
        ("prometheus_remote_write", "metrics", "metric_points"),
    ):
        queue = {**who, "exporter": exporter, "data_type": kind}
        rows[series("otelcol_exporter_queue_size", **queue)] = "0 5 0x38"
        rows[series("otelcol_exporter_queue_capacity", **queue)] = "1000x40"
        rows[series(f"otelcol_exporter_sent_{items}_total", **who, exporter=exporter)] = "0+50x40"
    for transport in ("grpc", "http"):
        receiver = {**who, "receiver": "otlp", "transport": transport}
        rows[series("otelcol_receiver_accepted_spans_total", **receiver)] = "0+50x40"
        rows[series("otelcol_receiver_refused_spans_total", **receiver)] = "0x40"
    for way in ("incoming", "outgoing"):
        rows[series(f"otelcol_processor_{way}_items_total", **who, processor="redact/audit")] = "0+50x40"
    for metric in ("gen_ai.client.operation.duration", "otelgate.llm.cost"):
        rows[series("otelgate_derive_series", **who, otelgate_derive_metric=metric)] = "100x40"
        rows[series("otelgate_derive_overflow_total", **who, otelgate_derive_metric=metric)] = "0x40"
    return rows


def _failures(output: str) -> str:
    return "\n\n".join(part for part in output.split("\n\n") if "SUCCESS" not in part)[:4000]


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("shop", "shop"),
        ("x&var-trace=y#z", "x%26var-trace%3Dy%23z"),
        ("x$q$ OR true", "x%24q%24+OR+true"),
        ("x|Dashboard> <https://evil.example|y", "x%7CDashboard%3E+%3Chttps%3A%2F%2Fevil.example%7Cy"),
        ("é%24", "%C3%A9%2524"),
    ],
)
def test_expand_the_dashboards_link_encodes_the_name(promtool: Path, tmp_path: Path, name: str, encoded: str) -> None:
    """As a value of its variable, in Prometheus as in what our own tests expect of it."""
    alert = next(each for each in ALERTS if each.name == "TtftHigh")
    url = render.annotations(alert)["dashboard_url"]
    expected = f"/d/{alert.dashboard}?var-service={encoded}"
    assert expand(url, Expected({"service_name": name})) == expected
    rule = {"alert": "Named", "expr": "up == 0", "annotations": {"dashboard_url": url}}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))
    fired = {"exp_labels": {"service_name": name}, "exp_annotations": {"dashboard_url": expected}}
    case = {
        "interval": "1m",
        "input_series": [{"series": f"up{{service_name={json.dumps(name)}}}", "values": "0x5"}],
        "alert_rule_test": [{"eval_time": "2m", "alertname": "Named", "exp_alerts": [fired]}],
    }
    (tmp_path / "case.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}))
    tested = promtool_rules.run(promtool, "test", "rules", tmp_path / "case.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
