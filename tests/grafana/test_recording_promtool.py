"""Results of recording rules, by promtool: each figure is worked out next to it."""

from pathlib import Path

import promtool_rules
import pytest
from otelgate_grafana.__main__ import RENDERED
from otelgate_grafana.alerts import recording
from otelgate_grafana.promql import HTTP, TURNS
from otelgate_stack import settings
from otelgate_stack.build import builds
from otelgate_stack.report import Report

_OF = 'service_name="osool", deployment_environment_name="prod"'
_OTHER = _OF.replace("osool", "execora")


@pytest.fixture(scope="module")
def promtool() -> Path:
    return builds.build(["promtool"], settings.load(), Report())["promtool"]


@pytest.mark.shows("F19", "K41")
def test_rates_and_ratios(promtool: Path, tmp_path: Path) -> None:
    """90 good and 6 bad requests a minute: 1.6 a second, 1 in 16 fails. A service without errors has ratio 0."""
    series = {
        f'{HTTP}_count{{{_OF}, http_response_status_code="200", http_route="/a"}}': "0+30x40",
        f'{HTTP}_count{{{_OF}, http_response_status_code="201", http_route="/b"}}': "0+15x40",
        f'{HTTP}_count{{{_OF}, http_response_status_code="500", http_route="/a"}}': "0+3x40",
        f'{HTTP}_count{{{_OTHER}, http_response_status_code="404", http_route="/a"}}': "0+30x40",
        f"{TURNS}_count{{{_OF}}}": "0+6x40",
        f'{TURNS}_count{{{_OF}, error_type="timeout"}}': "0+3x40",
    }
    expected = {
        "service:http_requests:rate5m": 1.6,
        "service:http_request_errors:rate5m": 0.1,
        "service:http_request_errors:ratio_rate5m": 1 / 16,
        "service:http_requests:increase5m": 480,
        "service:turns:rate5m": 0.3,
        "service:turn_errors:ratio_rate5m": 1 / 3,
    }
    checks = [_expects(name, _OF, value) for name, value in expected.items()]
    checks.append(_expects("service:http_request_errors:ratio_rate5m", _OTHER, 0))
    tree = {
        "rule_files": [str(RENDERED / "rules" / "recording.yaml")],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": checks,
            }
        ],
    }
    tested = promtool_rules.run(promtool, "test", "rules", promtool_rules.write(tmp_path / "test.yaml", tree))
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.shows("F19")
def test_rates_are_recorded_each_minute() -> None:
    groups = {rule.name: group.interval for group in recording.groups() for rule in group.rules}
    assert groups["service:http_requests:rate5m"] == groups["service:http_request_errors:ratio_rate5m"] == "1m"


def _expects(name: str, labels: str, value: float) -> dict[str, object]:
    # Rounded, since the arithmetic of a rate is, too. The result of a function has no name.
    sample = {"labels": f"{{{labels}}}", "value": round(value, 6)}
    return {"expr": f"round({name}{{{labels}}}, 0.000001)", "eval_time": "15m", "exp_samples": [sample]}
