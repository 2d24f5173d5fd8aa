"""The command: its help, its exit codes, and one line for each thing that is wrong."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import psycopg
import pytest
from otelgate_audit import cli


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTELGATE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module in the place of every subcommand's; its `run` raises `error`, or returns `code`."""
    module = SimpleNamespace(error=None, code=0, seen=[])

    def run(settings: object, options: SimpleNamespace) -> int:
        module.seen.append(options)
        if module.error:
            raise module.error
        return module.code

    module.run = run
    module.OPTIONS = [click.Option(["--to"], type=int)]
    monkeypatch.setattr(cli.importlib, "import_module", lambda name, package: module)
    return module


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    listed = capsys.readouterr().err
    assert cli.main(["--help"]) == 0
    assert capsys.readouterr().out == listed
    assert "  serve      take OTLP from the gateway and commit it to PostgreSQL\n" in listed
    commands = listed.partition("Commands:\n")[2].partition("\n\n")[0]
    shown = [line.split()[0] for line in commands.splitlines() if not line.startswith("   ")]
    assert shown == list(cli.PROGRAM.commands)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("verfiy", "error: No such command 'verfiy'. Did you mean 'verify'?\n"),
        ("xyz", "error: No such command 'xyz'.\n"),
    ],
)
def test_unknown_command_is_named(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name]) == 2
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("code", [0, 1])
def test_exit_code_is_the_subcommands(stand_in: SimpleNamespace, code: int) -> None:
    stand_in.code = code
    assert cli.main(["verify", "--to", "5"]) == code
    assert [options.to for options in stand_in.seen] == [5]


def test_bad_usage(stand_in: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", "--to", "x"]) == 2
    assert capsys.readouterr().err == "error: Invalid value for '--to': 'x' is not a valid integer.\n"
    assert stand_in.seen == []


@pytest.mark.usefixtures("stand_in")
def test_bad_settings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTELGATE_AUDIT_PORT", "x")
    monkeypatch.setenv("OTELGATE_AUDIT_HOTS", "y")
    assert cli.main(["verify"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "OTELGATE_AUDIT_HOTS: unknown setting; did you mean OTELGATE_AUDIT_HOST?",
        "OTELGATE_AUDIT_PORT='x': expected a port number from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (psycopg.OperationalError("no route\nto host"), 1, "database: no route\n"),
        (psycopg.OperationalError("postgresql://u:geheim@h is bad"), 1, "database: postgresql://u:***@h is bad\n"),
        (cli.database.SchemaError("the database's schema is at nothing"), 1, "the database's schema is at nothing\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_failure_prints_one_line(
    stand_in: SimpleNamespace, error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in.error = error
    assert cli.main(["verify"]) == code
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("name", list(cli.PROGRAM.commands))
def test_each_command_tells_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: otelgate-audit {name} [OPTIONS]\n")
    assert [option for option in cli.PROGRAM.commands[name].module.OPTIONS if option.opts[0] not in told] == []


def test_migrate(database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTELGATE_DATABASE_URL", database)
    assert cli.main(["migrate"]) == 0
    assert capsys.readouterr().out == "nothing to do\n"


def test_tiers(database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTELGATE_DATABASE_URL", database)

    def tier(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["tier", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    pro = ("--service", "shop", "--tier", "pro")
    assert tier() == (0, "", "")
    assert tier(*pro, "--monthly-usd", "49") == (0, "shop pro 49\n", "")
    assert tier(*pro, "--monthly-usd", "9.90") == (0, "shop pro 9.90\n", "")
    assert tier("--service", "bank", "--tier", "free", "--monthly-usd", "0") == (0, "bank free 0\n", "")
    assert tier() == (0, "bank free 0\nshop pro 9.90\n", "")
    assert tier("--service", "shop") == (0, "shop pro 9.90\n", "")
    code, out, _ = tier("--service", "shop", "--json")
    assert (code, json.loads(out)) == (0, [{"service": "shop", "tier": "pro", "monthly_usd": "9.90"}])
    assert tier(*pro, "--remove") == (0, "", "")
    assert tier(*pro, "--remove") == (1, "", "shop pro: no price is set\n")
    wanted = "a price belongs to a tier of a service: expected --service and --tier\n"
    assert tier("--tier", "pro", "--remove") == (2, "", wanted)


@pytest.mark.parametrize("price", ["-1", "x", "NaN", "1e12"])
def test_tier_refuses_invalid_price(price: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tier", f"--monthly-usd={price}"]) == 2
    expected = (
        f"error: Invalid value for '--monthly-usd': {price!r}: expected a price of 0 or more, such as 49 or 9.90\n"
    )
    assert capsys.readouterr().err == expected


def test_serve_refuses_to_start_without_its_key(tmp_path: Path) -> None:
    """As a process: what is wrong is said in a line, not in a traceback."""
    env = {**os.environ, "OTELGATE_AUDIT_KEY_FILE": str(tmp_path / "none")}
    ended = subprocess.run(
        [sys.executable, "-m", "otelgate_audit", "serve"], env=env, capture_output=True, text=True, timeout=300
    )
    message = f"OTELGATE_AUDIT_KEY_FILE='{tmp_path / 'none'}': expected a file that can be read\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", message)


def test_only_the_command_that_runs_is_imported() -> None:
    script = (
        "import json, sys; from otelgate_audit import cli; cli.main(['--help']);"
        " json.dump(sorted(sys.modules), sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"grpc", "starlette", "pyarrow"} & set(json.loads(ended.stderr))


def test_ascii_terminal_does_not_end_a_command(stand_in: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    stand_in.run = lambda settings, options: print("runs of ☕: counted 1") or 0
    assert cli.main(["verify"]) == 0
    assert raw.getvalue() == b"runs of \\u2615: counted 1\n"
