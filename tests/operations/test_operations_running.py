"""Tasks with a running stack: mark an event, measure it, see what it listens on."""

import json
import re
import time
from pathlib import Path
from typing import Any

import cli_commands
import click
import psutil
import psycopg
import pytest
from commands_page import documented
from operations_stack import Operated
from otelgate_console import stack as console
from otelgate_console.asking import dashboards, variables
from otelgate_console.asking.stores import Stores, run
from otelgate_console.asking.window import Window
from otelgate_grafana import annotations, main
from otelgate_stack import credentials, settings
from otelgate_stack.commands.sizing import Density
from otelgate_stack.engines.services import services
from waiting import until

GRAFANA = "otelgate_grafana"


# --- annotations --------------------------------------------------------------------------------------------------


def lines_drawn(stack: Operated, **chosen: str) -> dict[str, set[tuple[str, str]]]:
    """By dashboard, texts and tags of what its own query finds in the last hour, asked as the role that Grafana has."""
    window = Window(time.time() - 3600, time.time() + 5)
    where = Stores(database=console.stores(stack.settings).database)
    found: dict[str, set[tuple[str, str]]] = {}
    for name, dashboard in dashboards.load(console.rendered(stack.settings)).items():
        values = variables.defaults(dashboard) | chosen
        for _, query in dashboard.annotations:
            result = run(query, values, where, window)
            assert not result.error, result.error
            lines = (zip(*(column.values for column in frame.columns), strict=True) for frame in result.frames)
            found.setdefault(name, set()).update((text, tags) for rows in lines for _, text, tags in rows)
    return found


@pytest.mark.shows("F21", "K47")
def test_a_deployment_is_drawn_on_every_dashboard(running: Operated) -> None:
    said = running.good("annotate", "deployment", "--version=1.4.2", "--text=two more tools + 100% more")
    assert re.search(r"^annotate deployment … .*\(otelgate 1\.4\.2 two more tools \+ 100% more\)$", said, re.M), said
    drawn = lines_drawn(running)
    assert len(drawn) == len(main.DASHBOARDS)
    expected = ("deployment otelgate 1.4.2 two more tools + 100% more", "deployment,otelgate")
    assert [name for name, found in drawn.items() if expected not in found] == [], drawn["gateway"]


@pytest.mark.shows("F21")
@pytest.mark.parametrize("kind", annotations.KINDS)
def test_each_kind_of_a_service(running: Operated, kind: str) -> None:
    running.good("annotate", kind, "--service=osool")
    expected = (f"{kind} osool", f"{kind},osool")
    shown = lines_drawn(running)["mission-control"]
    assert expected in shown
    assert expected not in lines_drawn(running, service="estate-bot")["mission-control"]


@pytest.mark.shows("F21")
def test_unknown_annotation_is_rejected(running: Operated) -> None:
    done = running.run("annotate", "deploiment")
    assert (done.returncode, done.stderr) == (
        1,
        "error: EVENT='deploiment': expected one of deployment, launch, campaign, change, outage;"
        " did you mean deployment?\n",
    )
    words = running.run("annotate", "deployment", "--version=1.4 beta")
    assert (words.returncode, words.stderr) == (1, "error: VERSION='1.4 beta': expected one word\n")
    long = running.run("annotate", "change", f"--text={'x' * 65}")
    assert (long.returncode, long.stderr) == (1, f"error: TEXT='{'x' * 65}': expected 64 bytes or fewer\n")


# --- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.shows("F5")
def test_sizes_of_what_runs(running: Operated, tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    first.write_text(running.good("sizing", "--seconds=1", "--json"))
    measured = {one["name"]: one for one in json.loads(first.read_text())["services"]}
    assert set(measured) == {status.name for status in running.engine.status()}
    assert all(one["memory"] > 1 << 20 and one["processes"] >= 1 for one in measured.values())
    assert measured["postgres"]["processes"] > 3
    assert measured["postgres"]["disk"] > measured["gateway"]["disk"]
    demo = json.loads(running.good("demo", "--runs=2", "--wait=180", "--json"))
    assert set(demo) == documented()["demo"].keys
    text = until(lambda: _shown(running, first, str(len(demo["runs"]))))
    assert re.search(r"^  postgres +2 turns +[\d.]+ MiB$", text, re.M), text
    assert re.search(r"^  tempo +\d+ spans ", text, re.M)
    assert re.search(r"^  all +\d+ +[\d,.]+ MiB +\d\.\d{3} +[\d,.]+ MiB$", text, re.M)


def _shown(stack: Operated, since: Path, turns: str) -> str:
    text = stack.good("sizing", "--seconds=0.1", f"--since={since}")
    return text if re.search(rf"^  postgres +{turns} turns", text, re.M) else ""


def test_a_million_is_not_reckoned_from_a_few() -> None:
    assert Density("loki", "log lines", 999, 10_000).per_million is None
    assert Density("loki", "log lines", 2000, 10_000).per_million == 5_000_000


def test_only_a_measurement_can_be_compared_with(running: Operated, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("[]")
    done = running.run("sizing", f"--since={tmp_path}/notes.json")
    assert done.returncode == 1
    assert done.stderr.endswith(f"error: --since='{tmp_path}/notes.json': expected a file that `sizing --json` wrote\n")


# --- what is open -------------------------------------------------------------------------------------------------


def listening(pid: int) -> set[tuple[str, int]]:
    found = set()
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN or (connection.type == 2 and not connection.raddr):
                found.add((connection.laddr.ip, connection.laddr.port))
    return found


@pytest.mark.shows("F23")
def test_nothing_but_loopback_is_listened_on(running: Operated) -> None:
    known = {service.name: service for service in services(running.settings)}
    for status in running.engine.status():
        opened = listening(int(status.pid_or_container))
        assert opened, status.name
        # The audit sink's gRPC listens on IPv6's notation of the same.
        assert {address.removeprefix("::ffff:") for address, _ in opened} == {"127.0.0.1"}, status.name
        # And on nothing that its settings don't name.
        assert {port for _, port in opened} <= {port for _, port in known[status.name].ports.values()}, status.name
    supervisor = psutil.Process(int(running.engine.status()[0].pid_or_container)).parent()
    assert supervisor is not None
    assert [each for each in supervisor.net_connections(kind="inet") if each.status == psutil.CONN_LISTEN] == []


@pytest.mark.shows("F23")
def test_every_install_has_secrets_of_its_own(running: Operated, new_stack: Any) -> None:
    other = new_stack()
    other.settings.state_dir.mkdir(mode=0o700)
    credentials.ensure(other.settings)
    ours, theirs = (
        {file.name: file.read_text().strip() for file in credentials.folder(stack.settings).iterdir()}
        for stack in (running, other)
    )
    assert set(ours) == set(theirs)
    assert not set(ours.values()) & set(theirs.values())
    words = {name for name in ours if name not in ("stores_certificate", "stores_key")}
    assert all(re.fullmatch("[0-9a-f]{64}", each[name]) for each in (ours, theirs) for name in words)


@pytest.mark.shows("F23")
def test_the_gateway_does_not_open_to_the_network_without_tls_and_a_token(new_stack: Any) -> None:
    stack = new_stack(OTELGATE_HOST="0.0.0.0")
    done = stack.run("up")
    assert done.returncode == 2
    reason = "beyond this machine, without both TLS and a bearer token: set OTELGATE_TLS_CERT_FILE"
    assert done.stderr.startswith("error: OTELGATE_HOST='0.0.0.0': "), done.stderr
    assert reason in done.stderr, done.stderr


@pytest.mark.shows("F23")
def test_reading_roles_write_nothing_and_read_no_words(running: Operated) -> None:
    password = (credentials.folder(running.settings) / "grafana_database_password").read_text().strip()
    with psycopg.connect(running.settings.database, user=GRAFANA, password=password, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM audit.turns").fetchone()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM audit.events")
        connection.execute("SET default_transaction_read_only = off")  # any session may; that it can't write stays
        for statement in (
            "SELECT * FROM content.turns",
            "SELECT * FROM ledger.keys",
            "DELETE FROM audit.events",
            "CREATE TABLE audit.mine (n int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


# --- JSON ---------------------------------------------------------------------------------------------------------

ARGUMENTS = {
    "sizing": ("--seconds=0.1",),
    "costs price": ("gpt-4o",),
    "audit forget": ("--user=none-such", "--yes"),
    "audit retention": ("--dry-run",),
    "audit tier": ("--service=shop", "--tier=pro", "--monthly-usd=9"),
    "deploy": ("--check",),
    "annotate": ("change",),
    "token": ("shop",),
    "sbom": ("{folder}", "probe"),
    "backup": ("{folder}",),
    "restore": ("{file}",),
}
"""Arguments of the commands that need some."""
FOUND = {"audit forget": 1}
"""Exit statuses other than 0."""
MAY_BE_EMPTY = {
    "costs spent": "tests/stack/test_costs.py",
    "audit retention": "tests/audit/jobs/test_retention.py",
    "audit reconcile": "tests/audit/reconcile/test_reconcile.py",
}
"""Nothing to show in a young stack: this test compares the keys."""
ELSEWHERE = {"demo": "test_sizes_of_what_runs", "vulnerabilities": "tests/stack/test_vulnerabilities.py"}
"""Run there, with their keys."""
AWAY = ("backup", "restore")
"""They stop services: run on a stack that is down."""


def test_every_command_with_json_is_documented_and_run() -> None:
    taking = {
        " ".join(words)
        for words, command in cli_commands.all_commands().items()
        if any("--json" in option.opts for option in command.get_params(click.Context(command)))
    }
    assert set(documented()) == taking
    assert {*ARGUMENTS, *FOUND, *MAY_BE_EMPTY, *ELSEWHERE, *AWAY} <= taking


@pytest.mark.parametrize("command", [each for each in documented() if each not in ELSEWHERE])
def test_print_json_has_the_documented_keys(running: Operated, new_stack: Any, tmp_path: Path, command: str) -> None:
    stack = running
    if command in AWAY:
        stack = new_stack()
        kept = stack.settings.state_dir / "loki" / "chunk"
        kept.parent.mkdir(parents=True)
        kept.write_text("kept")
    file = ""
    if command == "restore":
        file = json.loads(stack.good("backup", str(tmp_path), "--json"))["file"]
        stack = new_stack()
    arguments = [each.format(folder=tmp_path, file=file) for each in ARGUMENTS.get(command, ())]
    done = stack.run(*command.split(), *arguments, "--json")
    assert done.returncode == FOUND.get(command, 0), done.stderr
    form, keys = documented()[command]
    texts = done.stdout.splitlines() if form == "an object a line" else [done.stdout]
    printed = [json.loads(text) for text in texts]
    objects = printed[0] if form == "array of objects" else printed
    assert objects or command in MAY_BE_EMPTY
    wanted = keys or {row.env for row in settings.ROWS}
    assert [each for each in objects if set(each) != wanted] == []
