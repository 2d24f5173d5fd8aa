"""The native engine's PostgreSQL: who may do what, what outlives what, and where its secrets are."""

import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import thrown_away
from otelgate_stack import credentials, service_table, settings, state
from otelgate_stack.backup import postgres
from otelgate_stack.backup.archive import Packed
from otelgate_stack.clients.audit_store import answers
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.engines.postgres import MAJOR
from otelgate_stack.errors import StackError
from waiting import until
from whole_stack import start

MakeEngine = Callable[..., NativeEngine]
MONITORING = {spec.name for spec in service_table.TABLE if spec.kind in ("alerts", "exporter", "dashboards")}
ROLE = "SELECT rolsuper, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = current_user"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeEngine]:
    """One that no test stops."""
    stack = start(str(tmp_path_factory.mktemp("s") / "state"), "postgres")
    yield stack.engine
    thrown_away.end(stack.settings)


def connect(engine: NativeEngine) -> psycopg.Connection[tuple[object, ...]]:
    password = engine.settings.database_password
    assert password is not None
    return psycopg.connect(engine.settings.database, password=password.read_text().strip(), autocommit=True)


def pid(engine: NativeEngine) -> int:
    (status,) = (each for each in engine.status() if each.name == "postgres")
    return int(status.pid_or_container)


def test_the_owner_is_no_superuser_and_needs_its_password(running: NativeEngine) -> None:
    with connect(running) as connection:
        assert connection.execute(ROLE).fetchone() == (False, True, True)
        options = ("TimeZone", "jit", "synchronous_commit", "fsync", "data_checksums", "log_min_error_statement")
        shown = {name: connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in options}
        owner = "SELECT pg_get_userbyid(datdba), datlocale FROM pg_database WHERE datname = current_database()"
        assert connection.execute(owner).fetchone() == ("otelgate", "C.UTF-8")
    values = {name: row[0] for name, row in shown.items() if row}
    assert values == {
        "TimeZone": "UTC",
        "jit": "off",
        "synchronous_commit": "on",
        "fsync": "on",
        "data_checksums": "on",
        "log_min_error_statement": "panic",
    }
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(running.settings.database)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.settings.database, password="guessed")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(running.settings.database.replace("otelgate@", "postgres@"))


def test_it_listens_on_its_port_alone_and_not_as_root(running: NativeEngine) -> None:
    process = psutil.Process(pid(running))
    listens = [each.laddr for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
    assert listens == [("127.0.0.1", running.settings.postgres_port)]
    assert [each for each in process.net_connections(kind="unix") if each.laddr] == []
    assert process.uids().real != 0
    assert stat.S_IMODE((running.settings.state_dir / "postgres").stat().st_mode) == 0o700


def test_secrets_are_files_for_their_owner_alone(running: NativeEngine) -> None:
    folder = credentials.folder(running.settings)
    names = {
        *("audit_key", "database_password", "feedback_secret", "grafana_database_password", "postgres_password"),
        *("monitor_password", "grafana_admin_password", "grafana_secret_key", "pseudonym_key", "audit_token"),
        *("writer_password", "stores_password"),
    }
    pair = {"stores_certificate", "stores_key"}
    assert {file.name for file in folder.iterdir()} == names | pair
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    secrets = {file.name: file.read_text().strip() for file in folder.iterdir()}
    assert all(re.fullmatch("[0-9a-f]{64}", secrets[name]) for name in names)
    assert len(set(secrets.values())) == len(secrets)
    seen = [*psutil.Process(pid(running)).cmdline(), *psutil.Process(pid(running)).environ().values()]
    for file in (running.settings.state_dir / "native").rglob("*"):
        if file.is_file():
            seen.append(file.read_text(errors="replace"))
    assert [name for name, secret in secrets.items() if any(secret in text for text in seen)] == []


def test_only_the_superuser_may_copy_the_cluster(running: NativeEngine) -> None:
    password = credentials.superuser_password(running.settings).read_text().strip()
    with psycopg.connect(
        running.settings.database, user="postgres", password=password, replication="true"
    ) as connection:
        assert connection.info.user == "postgres"
    assert running.settings.database_password is not None
    own = running.settings.database_password.read_text().strip()
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry for replication connection"):
        psycopg.connect(running.settings.database, password=own, replication="true")


def test_failed_base_backup_gives_reason(
    running: NativeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_ARGUMENTS", ("--no-such-option",))
    with pytest.raises(StackError) as caught:
        postgres.copy(running.settings, "native", Packed(tmp_path))
    assert str(caught.value).startswith("pg_basebackup failed (exit status 1): ")
    assert "unrecognized option '--no-such-option'" in str(caught.value)
    monkeypatch.setattr(credentials, "superuser_password", lambda settings: settings.database_password)
    with pytest.raises(StackError, match=r'^pg_basebackup: .*password authentication failed for user "postgres"'):
        postgres.copy(running.settings, "native", Packed(tmp_path))


def test_data_and_password_outlive_down_and_a_crash(engine: MakeEngine) -> None:
    stack = engine("postgres")
    stack.up()
    with connect(stack) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        stack.down()  # with a client that stays
    rules = stack.settings.state_dir / "postgres" / str(MAJOR) / "pg_hba.conf"
    made = rules.read_text()
    rules.write_text("host all all 127.0.0.1/32 scram-sha-256\n")  # of before there was pg_basebackup
    stack.up()
    stack.kill("postgres")
    until(lambda: answers(stack.settings.database, stack.settings.database_password))
    with connect(stack) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    assert rules.read_text() == made


def test_orphaned_postgres_is_stopped_in_order(engine: MakeEngine) -> None:
    stack = engine("postgres")
    stack.up()
    orphan = psutil.Process(pid(stack))
    supervisord = orphan.parent()
    assert supervisord is not None
    supervisord.kill()
    supervisord.wait(30)
    stack.up()
    assert pid(stack) != orphan.pid
    log = (stack.settings.state_dir / "native" / "log" / "postgres.log").read_text()
    assert re.findall("database system was (interrupted|shut down)", log) == ["shut down", "shut down"]


def test_an_interrupted_first_start_leaves_nothing_half_made(engine: MakeEngine) -> None:
    stack = engine("postgres")
    state.ensure(stack.settings)
    draft = stack.settings.state_dir / "postgres" / f"{MAJOR}.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("half")
    stack.up()
    assert not draft.exists()
    with connect(stack) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_failed_cluster_creation_gives_reason(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / f"{MAJOR}.draft").write_text("a file where a folder is wanted")
    (tmp_path / "password").write_text("x")
    (tmp_path / "lines").write_text("x\ny")

    def run(owner: str) -> str:
        command = [
            *(sys.executable, "-m", "otelgate_stack.engines.postgres", f"--folder={folder}", "--port=1"),
            *(f"--superuser-password-file={tmp_path}/password", f"--owner-password-file={tmp_path}/{owner}"),
            f"--monitor-password-file={tmp_path}/password",
        ]
        answer = subprocess.run(command, capture_output=True, text=True)
        assert answer.returncode == 1
        return answer.stderr

    assert run("password").startswith("PostgreSQL's cluster could not be made: initdb: ")
    assert run("lines") == f"PostgreSQL's cluster could not be made: {tmp_path}/lines: expected one line, a password\n"
    assert [file.name for file in folder.iterdir()] == [f"{MAJOR}.draft"]


# --- which services there are -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        ({}, ["audit", "keeper", "postgres", "feedback"]),
        ({"OTELGATE_DATABASE_URL": "postgresql://db.example/audit"}, ["audit", "keeper", "feedback"]),
        ({"OTELGATE_AUDIT": "false"}, []),
    ],
)
def test_only_what_is_needed_runs(changes: dict[str, str], there: list[str]) -> None:
    found = service_table.names(settings.load(changes))
    assert [name for name in found if name not in {"gateway", *service_table.STORES, *MONITORING}] == there
    assert ("postgres-exporter" in found) is ("postgres" in there)


def test_votes_stop_first_and_the_database_last() -> None:
    names = service_table.names(settings.load({}))
    stopped = service_table.stop_order(names)
    stores = [name for name in stopped if name not in MONITORING]
    assert stores[:2] == ["feedback", "gateway"]
    assert stores[-3:] == ["audit", "keeper", "postgres"]
    assert sorted(stopped) == sorted(names)


def test_a_secret_of_ones_own_must_be_there(tmp_path: Path) -> None:
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path / "s"), "OTELGATE_AUDIT_KEY_FILE": str(tmp_path / "k")})
    with pytest.raises(StackError) as caught:
        credentials.ensure(loaded)
    assert str(caught.value) == f"OTELGATE_AUDIT_KEY_FILE='{tmp_path}/k': No such file or directory"
    (tmp_path / "k").write_text("mine")
    credentials.ensure(loaded)
    assert (tmp_path / "k").read_text() == "mine"
    assert not (tmp_path / "s" / "secrets" / "audit_key").exists()


def test_generated_ones_stay(tmp_path: Path) -> None:
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path)})
    credentials.ensure(loaded)
    before = {file.name: file.read_text() for file in credentials.folder(loaded).iterdir()}
    credentials.ensure(loaded)
    assert {file.name: file.read_text() for file in credentials.folder(loaded).iterdir()} == before


def test_nothing_answers(tmp_path: Path) -> None:
    assert not answers("postgresql://otelgate@127.0.0.1:1/otelgate", None)
    assert not answers("postgresql://otelgate@127.0.0.1:1/otelgate", tmp_path / "missing")
