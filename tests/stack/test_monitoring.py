"""Prometheus' configuration as it is made at start, for both engines, and what promtool says of it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from otelgate_stack import access, credentials, service_table, settings
from otelgate_stack.build import builds
from otelgate_stack.config import monitoring
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings


def config(loaded: Settings, places: monitoring.Places | None = None) -> dict[str, Any]:
    text = monitoring.render(loaded, service_table.names(loaded), places or monitoring.native(loaded))
    assert "&id" not in text  # people read it
    made: dict[str, Any] = yaml.safe_load(text)
    return made


def jobs(made: dict[str, Any]) -> dict[str, Any]:
    return {job["job_name"]: job for job in made["scrape_configs"]}


def own(made: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """service -> (what is probed, its kind)."""
    groups = jobs(made)["probe"]["static_configs"]
    return {each["labels"]["service"]: (each["targets"][0], each["labels"]["kind"]) for each in groups}


def test_static_configuration_is_kept() -> None:
    made = config(settings.load({}))
    assert made["global"] == {"scrape_interval": "15s", "evaluation_interval": "15s"}
    assert made["storage"] == {"tsdb": {"out_of_order_time_window": "4h"}, "exemplars": {"max_exemplars": 100000}}


@pytest.mark.parametrize("docker", [False, True])
def test_promtool_takes_it(tmp_path: Path, root: Path, docker: bool) -> None:
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path / "state")})
    promtool = builds.build(["promtool"], settings.load(), Report())["promtool"]
    file = tmp_path / "prometheus.yml"
    monitoring.write(
        loaded, service_table.names(loaded), monitoring.DOCKER if docker else monitoring.native(loaded), file
    )
    assert monitoring.probes(loaded).is_dir()
    text = file.read_text().replace(monitoring.DOCKER.rules, str(root / "grafana" / "rendered" / "rules"))
    credentials.ensure(loaded)
    for inside, outside in zip(vars(access.MOUNTED).values(), vars(access.of(loaded)).values(), strict=True):
        text = text.replace(inside, outside)
    file.write_text(text.replace(monitoring.DOCKER.probes, str(tmp_path)))
    answer = subprocess.run([promtool, "check", "config", "--lint=all", file], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "2 rule files found" in answer.stdout


def test_the_stacks_own_parts_are_probed() -> None:
    loaded = settings.load({"OTELGATE_HEALTH_PORT": "1", "OTELGATE_POSTGRES_PORT": "2", "OTELGATE_TRACES_TO": "both"})
    expected = {
        "otelgate-gateway": ("http://127.0.0.1:1/", "gateway"),
        "otelgate-audit": ("http://127.0.0.1:4321/health", "api"),
        "otelgate-keeper": ("http://127.0.0.1:4323/health", "api"),
        "otelgate-feedback": ("http://127.0.0.1:4322/health", "api"),
        "prometheus": ("http://127.0.0.1:9090/-/ready", "store"),
        "loki": ("https://127.0.0.1:3100/ready", "store"),
        "tempo": ("https://127.0.0.1:3200/ready", "store"),
        "jaeger": ("http://127.0.0.1:16686/api/services", "store"),
        "alertmanager": ("http://127.0.0.1:9093/-/ready", "alerts"),
        "grafana": ("http://127.0.0.1:3000/api/health", "dashboards"),
        "postgres": ("127.0.0.1:2", "database"),
    }
    found = own(config(loaded))
    assert {name: found.get(name) for name in expected} == expected
    assert set(found) - set(expected) <= set(service_table.STORES)


def test_a_database_elsewhere_is_probed_without_its_password() -> None:
    loaded = settings.load({"OTELGATE_DATABASE_URL": "postgresql://me:s3cret@db.example:6000/audit?sslmode=require"})
    made = config(loaded)
    assert own(made)["postgres"] == ("db.example:6000", "database")
    assert "postgres" not in jobs(made)  # its exporter is for the stack's own
    assert "s3cret" not in str(made)
    assert own(config(settings.load({"OTELGATE_DATABASE_URL": "postgresql://me@db/x"})))["postgres"][0] == "db:5432"


def test_only_what_runs_is_watched() -> None:
    made = config(settings.load({"OTELGATE_EXPORTERS": "false"}))
    assert list(jobs(made)) == ["prometheus", "alertmanager"]
    alone = yaml.safe_load(monitoring.render(settings.load({}), ["prometheus"], monitoring.native(settings.load({}))))
    assert list(jobs(alone)) == ["prometheus"]
    assert "alerting" not in alone
    assert set(own(config(settings.load({"OTELGATE_AUDIT": "false"})))) == {
        *("otelgate-gateway", "alertmanager", "grafana"),
        *(name for name in service_table.STORES if name != "jaeger"),
    }


def test_inside_compose_the_services_have_their_names() -> None:
    made = config(settings.load({"OTELGATE_LOKI_PORT": "1"}), monitoring.DOCKER)
    assert own(made)["loki"][0] == "https://loki:3100/ready"
    assert own(made)["postgres"][0] == "postgres:5432"
    assert made["rule_files"] == ["/etc/otelgate-rules/*.yaml", "/etc/otelgate-examples/rules/*.yaml"]
    assert "127.0.0.1" not in str([job["static_configs"] for job in made["scrape_configs"] if "static_configs" in job])


def test_a_probe_leaves_time_to_be_told() -> None:
    """Within two minutes: two probes, the minute that the alert waits, its group's interval, Alertmanager's wait."""
    job = jobs(config(settings.load({})))["probe"]
    interval, timeout = (int(job[name].removesuffix("s")) for name in ("scrape_interval", "scrape_timeout"))
    assert timeout < interval <= 15
