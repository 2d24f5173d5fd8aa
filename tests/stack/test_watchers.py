"""A whole native stack that is watched: what is scraped, probed and alerted, and what where a part is missing."""

import io
import json
import re
import socket
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import thrown_away
import whole_stack
from otelgate_grafana import provisioning
from otelgate_stack import access, service_table, settings
from otelgate_stack.build import debian
from otelgate_stack.clients import Alertmanager
from otelgate_stack.config import example_files, monitoring
from otelgate_stack.engines import grafana as grafana_process
from otelgate_stack.engines import watchers
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from waiting import until
from whole_stack import Stack

pytestmark = pytest.mark.starts

# A rule that was not evaluated yet, or a target that was not scraped yet, is waited for.
SOON_S = 180.0


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for name in debian.EXPORTERS.values():
        debian.fetch(name, settings.load(), Report())  # without them these tests would show nothing
    with pytest.MonkeyPatch.context() as patch:
        # A target that goes away is forgotten after two more probes of it.
        patch.setattr(monitoring, "PROBE_INTERVAL", "3s")
        patch.setattr(monitoring, "PROBE_TIMEOUT", "3s")
        running = whole_stack.start(str(tmp_path_factory.mktemp("s") / "state"), OTELGATE_EXPORTERS="true")
        yield running
        thrown_away.end(running.settings)


def asked(stack: Stack, path: str, **parameters: str) -> Any:
    """`data` of an answer of Prometheus."""
    answer = access.get(stack.settings, "prometheus", f"/api/v1/{path}", params=parameters, timeout=60)
    return answer.raise_for_status().json()["data"]


def values(stack: Stack, query: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Value by these labels."""
    found = asked(stack, "query", query=query)["result"]
    return {tuple(each["metric"].get(label, "") for label in labels): float(each["value"][1]) for each in found}


def alerts(stack: Stack) -> set[str]:
    """Names of the alerts in Alertmanager."""
    return {alert["labels"]["alertname"] for alert in Alertmanager.of(stack.settings, timeout_s=60).alerts()}


def tell(stack: Stack, name: str, *targets: tuple[str, str]) -> None:
    """As a running application does: (what to probe, its kind)."""
    groups = [{"targets": [url], "labels": {"service": name, "kind": kind}} for url, kind in targets]
    (monitoring.probes(stack.settings) / f"{name}.json").write_text(json.dumps(groups))


def test_exporters_of_a_healthy_stack_do_not_complain_with_each_scrape(watched: Stack) -> None:
    """The first lines of `make logs`."""
    scraped = 'min(count_over_time(up{job=~"node|postgres"}[10m]))'
    assert until(lambda: values(watched, scraped).get((), 0) >= 3, deadline_s=SOON_S)
    for name in debian.EXPORTERS:
        log = (watched.settings.state_dir / "native" / "log" / f"{name}.log").read_text()
        said = Counter(re.sub(r"\d+", "N", line) for line in log.splitlines())
        assert [line for line, times in said.items() if times >= 3] == [], name


@pytest.mark.shows("F1")
def test_all_that_is_scraped_answers(watched: Stack) -> None:
    jobs = {"prometheus", "alertmanager", "node", "postgres", "probe"}

    def targets() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for target in asked(watched, "targets")["activeTargets"]:
            found.setdefault(target["labels"]["job"], []).append(target["health"])
        return found

    healthy = until(
        targets, lambda found: {each for group in found.values() for each in group} == {"up"}, deadline_s=SOON_S
    )
    assert set(healthy) == jobs
    assert {each for group in healthy.values() for each in group} == {"up"}


def test_the_rules_are_evaluated(watched: Stack, root: Path) -> None:
    def rules() -> list[tuple[str, str, str]]:
        groups = asked(watched, "rules")["groups"]
        return [
            (rule["name"], rule["health"], rule.get("lastError", "")) for group in groups for rule in group["rules"]
        ]

    # Groups that look back over days are evaluated every few minutes: at most a third is still to come.
    found = until(
        rules, lambda found: 3 * sum(health == "ok" for _, health, _ in found) > 2 * len(found), deadline_s=SOON_S
    )
    assert [rule for rule in found if rule[1] == "err"] == []
    assert {"Watchdog", "ServiceDown", "DatabaseDown"} <= {name for name, health, _ in found if health == "ok"}


def test_alertmanager_hears_the_watchdog(watched: Stack) -> None:
    assert "Watchdog" in until(lambda: alerts(watched), lambda found: "Watchdog" in found, deadline_s=SOON_S)


def test_the_stacks_own_parts_answer_their_probes(watched: Stack) -> None:
    parts = {
        *("otelgate-gateway", "otelgate-audit", "otelgate-keeper", "otelgate-feedback", "postgres"),
        *("prometheus", "loki", "tempo", "alertmanager"),
    } | ({"grafana"} & {status.name for status in watched.engine.status()})
    wanted = {(part,): 1.0 for part in parts}
    probed = until(
        lambda: values(watched, "probe_success", "service"), lambda found: found == wanted, deadline_s=SOON_S
    )
    assert probed == wanted


@pytest.mark.shows("K27")
def test_exporters_tell_of_the_host_postgres_and_redis(watched: Stack) -> None:
    server = debian.fetch("redis-server", settings.load(), Report())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--maxmemory", "32mb"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=watched.settings.state_dir) as redis:
        try:
            tell(watched, "osool", (f"redis://127.0.0.1:{port}/0", "redis"))
            for query in (
                "node_cpu_seconds_total",
                "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                "node_filesystem_avail_bytes",
                "pg_up == 1",
                'pg_stat_activity_count{datname="otelgate"}',
                'redis_memory_used_bytes{service="osool"} / (redis_memory_max_bytes == 33554432)',
                "redis_keyspace_hits_total",
            ):
                assert until(lambda query=query: values(watched, query), deadline_s=SOON_S), query  # type: ignore[misc]
        finally:
            redis.terminate()
    (monitoring.probes(watched.settings) / "osool.json").unlink()


def test_the_exporters_role_reads_no_table(watched: Stack) -> None:
    """pg_monitor: statistics only. And the password is generated."""
    import psycopg
    from otelgate_stack import credentials

    password = credentials.monitor_password(watched.settings)
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    url = f"postgresql://otelgate_monitor@127.0.0.1:{watched.settings.postgres_port}/otelgate"
    with psycopg.connect(url, password=password.read_text().strip(), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM pg_stat_database").fetchone() != (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM pg_catalog.pg_authid")
        assert connection.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace >= 16384"
            " AND has_table_privilege(oid, 'SELECT')"
        ).fetchone() == (0,)


def test_application_targets_are_probed(watched: Stack) -> None:
    health = f"http://127.0.0.1:{watched.settings.health_port}/"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/health"
        database = f"postgresql://me:s3cret@127.0.0.1:{watched.settings.postgres_port}/shop"
        tell(watched, "shop", (health, "api"), (dead, "llm"), (database, "database"))
        wanted = {
            ("api", health): 1.0,
            ("llm", dead): 0.0,
            ("database", f"127.0.0.1:{watched.settings.postgres_port}"): 1.0,
        }
        look = lambda: values(watched, 'probe_success{service="shop"}', "kind", "instance")  # noqa: E731
        assert until(look, lambda found: found == wanted, deadline_s=SOON_S) == wanted
    (monitoring.probes(watched.settings) / "shop.json").unlink()
    assert until(look, lambda found: not found, deadline_s=SOON_S) == {}


def test_stopped_database_is_detected(watched: Stack) -> None:
    def probed() -> dict[tuple[str, ...], float]:
        return values(watched, 'probe_success{kind="database", service="postgres"}', "service")

    watched.engine.stop("postgres")
    try:
        assert until(probed, lambda found: found == {("postgres",): 0.0}, deadline_s=SOON_S) == {("postgres",): 0.0}
        pending = 'ALERTS{alertname="DatabaseDown", service_name="postgres"}'
        assert until(lambda: values(watched, pending, "severity"), deadline_s=SOON_S) == {("critical",): 1.0}
    finally:
        watched.engine.start("postgres")
    assert until(probed, lambda found: found == {("postgres",): 1.0}, deadline_s=SOON_S) == {("postgres",): 1.0}


def test_up_again_finds_everything_up(watched: Stack) -> None:
    said = io.StringIO()
    NativeEngine(watched.settings, Report(said)).up()
    assert said.getvalue() == "already up\n"


# With a missing part


def test_without_exporters_nothing_asks_for_them() -> None:
    names = service_table.names(settings.load({"OTELGATE_EXPORTERS": "false"}))
    assert not set(names) & set(debian.EXPORTERS)
    assert {"alertmanager", "grafana"} <= set(names)
    assert "postgres-exporter" not in service_table.names(
        settings.load({"OTELGATE_DATABASE_URL": "postgresql://me@db/x"})
    )


def test_unavailable_exporters_are_skipped_and_reported(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: io.StringIO
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # neither exporters nor an apt-get
    loaded = settings.load({**env, "OTELGATE_CACHE_DIR": str(tmp_path / "cache")})
    assert watchers.present(service_table.names(loaded), loaded) == [
        *("gateway", "prometheus", "loki", "tempo", "audit", "keeper", "postgres", "feedback", "alertmanager")
    ]
    watchers.fetch(service_table.names(loaded), loaded, Report(output))
    lines = output.getvalue().splitlines()
    assert lines[0] == (
        "prober: not started (prometheus-blackbox-exporter is not on PATH, and there is no apt-get to fetch it with);"
        " nothing is probed: ServiceDown and DatabaseDown cannot fire"
    )
    assert [line.partition(":")[0] for line in lines] == [*debian.EXPORTERS, "grafana"]


def test_readers_stop_first() -> None:
    order = service_table.stop_order(service_table.ORDER)
    assert order[:3] == ["feedback", "grafana", "gateway"]
    assert order[-1] == "redis-exporter"


# Grafana: a stand-in, since its program is not available everywhere. It shows the arguments of the real one.

GRAFANA = """#!{python}
import http.server, json, os, pathlib, sys
seen = dict(os.environ), sys.argv[1:], pathlib.Path("secrets/grafana_database_password").read_text()
pathlib.Path("seen.json").write_text(json.dumps(seen))
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
address = os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])
http.server.HTTPServer(address, Handler).serve_forever()
"""


@pytest.fixture
def grafana(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its home, with a program that is on PATH."""
    for part in ("bin", "conf"):
        (tmp_path / "home" / part).mkdir(parents=True)
    (tmp_path / "home" / "conf" / "defaults.ini").write_text("")
    program = tmp_path / "home" / "bin" / "grafana"
    program.write_text(GRAFANA.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return tmp_path / "home"


def test_grafana_gets_what_its_provisioning_expects(
    grafana: Path, env: dict[str, str], output: io.StringIO, root: Path
) -> None:
    loaded = settings.load({**env, "OTELGATE_GRAFANA_URL": "https://grafana.example"})
    stack = NativeEngine(loaded, Report(output), services=["grafana"])
    stack.up()
    try:
        (status,) = stack.status()
        assert (status.name, status.ready) == ("grafana", True)
        seen, arguments, password = json.loads((loaded.state_dir / "grafana" / "seen.json").read_text())
    finally:
        stack.down()
    assert arguments == ["server", f"--homepath={grafana}"]
    assert set(provisioning.ENVIRONMENT) <= set(seen)
    assert Path(seen["OTELGATE_GRAFANA_DASHBOARDS"], "mission-control.json").is_file()
    assert seen["OTELGATE_GRAFANA_EXAMPLES"] == str(example_files.folder(loaded) / "dashboards")
    assert Path(seen["GF_PATHS_PROVISIONING"], "datasources").is_dir()
    for part in ("datasources", "providers"):
        for text in provisioning.strings(provisioning.load(part)):
            provisioning.expand(re.sub(r"\$__file\{[^}]*\}", "", text), seen)
    assert seen["OTELGATE_GRAFANA_DATABASE_ADDRESS"] == f"127.0.0.1:{loaded.postgres_port}"
    assert seen["GF_SERVER_ROOT_URL"] == "https://grafana.example"
    secrets = loaded.state_dir / "secrets"
    assert password == (secrets / "grafana_database_password").read_text()
    # There is no access without a generated password.
    assert (seen["GF_AUTH_ANONYMOUS_ENABLED"], seen["GF_USERS_ALLOW_SIGN_UP"]) == ("false", "false")
    for name, file in (("ADMIN_PASSWORD", "grafana_admin_password"), ("SECRET_KEY", "grafana_secret_key")):
        assert seen[f"GF_SECURITY_{name}"] == f"$__file{{{secrets / file}}}"
        assert stat.S_IMODE((secrets / file).stat().st_mode) == 0o600
        assert len((secrets / file).read_text().strip()) == 64


@pytest.mark.parametrize(
    ("url", "address", "name", "mode"),
    [
        ("", "127.0.0.1:15432", "otelgate", "disable"),
        ("postgresql://me@db.example/audit", "db.example:5432", "audit", "require"),
        ("postgresql://me@db.example:6000/audit?sslmode=verify-full", "db.example:6000", "audit", "verify-full"),
        ("postgresql://me@db.example/audit?sslmode=prefer", "db.example:5432", "audit", "require"),
    ],
)
def test_grafana_reads_the_sinks_database(url: str, address: str, name: str, mode: str) -> None:
    assert grafana_process.database(settings.load({"OTELGATE_DATABASE_URL": url})) == {
        "OTELGATE_GRAFANA_DATABASE_ADDRESS": address,
        "OTELGATE_GRAFANA_DATABASE_NAME": name,
        "OTELGATE_GRAFANA_DATABASE_SSLMODE": mode,
    }
