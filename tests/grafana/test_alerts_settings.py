"""The operator's settings, and the errors of wrong values."""

import copy
from typing import Any

import pytest
import yaml
from otelgate_grafana.alerts import expressions, render, settings, thresholds
from otelgate_grafana.alerts.model import Alert, Case, Expected
from otelgate_grafana.alerts.rules import ALERTS

RAW = yaml.safe_load(settings.FILE.read_text())


def changed(*path: str, to: Any) -> dict[str, Any]:
    raw = copy.deepcopy(RAW)
    place = raw
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return raw


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("min_events",), 0, "min_events=0: expected a whole number of at least 1"),
        (("min_events",), True, "min_events=True: expected a whole number of at least 1"),
        (("links",), "x", "links='x': expected runbooks and dashboards"),
        (
            ("thresholds", "TtftHigh", "default"),
            "2 s",
            "thresholds.TtftHigh.default='2 s': expected a number of at least 0",
        ),
        (
            ("thresholds", "TurnErrorRatioHigh", "default"),
            10,
            "thresholds.TurnErrorRatioHigh.default=10: expected a number of at least 0 and at most 1",
        ),
        (
            ("thresholds", "TtftHigh", "default"),
            "none",
            "thresholds.TtftHigh.default=none: expected a number, or limits under services",
        ),
        (
            ("thresholds", "HttpLatencyHigh", "services"),
            ["osool"],
            "thresholds.HttpLatencyHigh.services=['osool']: expected service: limit",
        ),
        (
            ("thresholds", "TtftHigh", "unit"),
            "ms",
            "thresholds.TtftHigh.unit='ms': expected one of share, s, USD, requests/s, errors/min, connections, "
            "sessions, closes",
        ),
        (
            ("objectives", "ttft", "default"),
            1,
            "objectives.ttft=1: expected a share between 0 and 1, both excluded",
        ),
        (
            ("thresholds", "TtftHigh"),
            {"default": 2},
            "thresholds.TtftHigh={'default': 2}: expected default, unit, services",
        ),
    ],
)
def test_a_wrong_value_is_named(path: tuple[str, ...], value: Any, text: str) -> None:
    with pytest.raises(settings.SettingError) as error:
        settings.parse(changed(*path, to=value))
    assert str(error.value) == text


def test_an_unknown_or_missing_name_is_told() -> None:
    with pytest.raises(settings.SettingError, match=r"^tresholds: expected one of "):
        settings.parse({**RAW, "tresholds": {}})
    with pytest.raises(settings.SettingError, match=r"^limits: missing$"):
        settings.parse({name: value for name, value in RAW.items() if name != "limits"})


def test_service_threshold_is_joined_by_alert() -> None:
    made = settings.parse(changed("thresholds", "TtftHigh", "services", to={"my-bot": 5}))
    rows = {(rule.name, *rule.labels.values()): rule.expr for rule in thresholds.records(made)}
    assert rows["otelgate:threshold", "TtftHigh", "my-bot"] == "5"
    assert rows["otelgate:threshold_default", "TtftHigh"] == "2"
    expr = expressions.beyond("p95", "TtftHigh", settings=made)
    assert expr == (
        '(p95) > on (service_name) group_left () otelgate:threshold{alert="TtftHigh"}\n'
        "or\n"
        '((p95) unless on (service_name) otelgate:threshold{alert="TtftHigh"})'
        ' > on () group_left () otelgate:threshold_default{alert="TtftHigh"}'
    )


def test_without_a_default_only_named_services_are_held_to_it() -> None:
    expr = expressions.beyond("sessions", "SessionsHigh")
    assert expr == '(sessions) > on (service_name) group_left () otelgate:threshold{alert="SessionsHigh"}'


def test_limits_are_shown_as_people_write_them() -> None:
    made = settings.load().thresholds
    assert made["HttpLatencyHigh"].text() == "2 s; bestbox 30 s; estate-bot 30 s; execora 1 s"
    assert made["CostDayHigh"].text() == "$50; osool $100"
    assert made["TurnErrorRatioHigh"].text() == "10 %"
    assert made["SessionsHigh"].text() == "bestbox 8 sessions"
    assert made["CostDayHigh"].of("osool") == 100
    assert made["CostDayHigh"].of("another") == 50


def test_links_stand_before_runbook_and_dashboard() -> None:
    links = {"runbooks": "https://git.example/otelgate/blob/main/", "dashboards": "https://grafana.example"}
    made = settings.parse({**RAW, "links": links})
    alert = next(alert for alert in ALERTS if alert.name == "TtftHigh")
    texts = render.annotations(alert, made)
    assert texts["runbook_url"] == "https://git.example/otelgate/blob/main/grafana/runbooks/TtftHigh.md"
    assert texts["dashboard_url"] == (
        "https://grafana.example/d/otelgate-agent-performance?var-service={{ $labels.service_name | urlquery }}"
    )
    assert render.annotations(alert)["runbook_url"] == "grafana/runbooks/TtftHigh.md"


def test_a_rule_carries_what_routes_it() -> None:
    alert = Alert(
        "X", "g", "up", "0s", "critical", "ai", "s", "d", "otelgate-gateway", Case({}, "1m", (Expected({}),)), (),
        notify="slack",
    )  # fmt: skip
    assert alert.rule_labels == {"severity": "critical", "team": "ai", "notify": "slack"}
