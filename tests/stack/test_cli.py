"""The command line, run as `make` runs it: exit statuses, what is printed where, and one whole stack's life."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from cli_commands import all_commands
from otelgate_stack import settings
from otelgate_stack.build import builds, debian
from otelgate_stack.commands import cli
from otelgate_stack.engines import watchers

pytestmark = pytest.mark.usefixtures("programs", "gateway_binary")


def what_there_is() -> list[str]:
    """The stack's services here: exporters exist once they were fetched, which the first `up` does."""
    stack = ("gateway", "prometheus", "loki", "tempo", "audit", "keeper", "postgres", "feedback", "alertmanager")
    return [*stack, *watchers.present([*debian.EXPORTERS, "grafana"], settings.load())]


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "otelgate_stack", *arguments],
        env=whole(env),
        capture_output=True,
        text=True,
        timeout=300,
    )


def whole(env: dict[str, str]) -> dict[str, str]:
    """The environment of a user who sets nothing but `env`, with the native engine."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTELGATE_", "ENGINE"))}
    return {**clean, "ENGINE": "native", **env}


def test_building_leaves_nothing_to_build(env: dict[str, str]) -> None:
    """`make test` builds all before the first test, so the cache has them."""
    assert run(env, "build").returncode == 0
    done = run(env, "build")
    there = settings.load(whole(env))
    assert (done.returncode, done.stdout) == (0, f"{len(builds.STACK)} programs are in {there.cache_dir}\n")
    assert [name for name in builds.STACK if not builds.path(name, there).exists()] == []


@pytest.mark.shows("F1")
def test_a_stacks_life(env: dict[str, str]) -> None:
    try:
        up = run(env, "up")
        assert (up.returncode, up.stderr) == (0, "")
        lines = up.stdout.splitlines()
        assert lines[0] == "engine: native (ENGINE=native asks for it)"
        assert [name for name in what_there_is() if f"start {name} … " not in up.stdout] == []
        shown = [line.split() for line in lines]
        sent_to = f"http://127.0.0.1:{env['OTELGATE_GRPC_PORT']}"
        assert ["OTLP", "gRPC", sent_to, "applications", "send", "here"] in shown
        page = ["page:", "alerts", "and", "silences"]
        for name, scheme, what in (("tempo", "https", ["API"]), ("alertmanager", "http", page)):
            assert [name, f"{scheme}://127.0.0.1:{env[f'OTELGATE_{name.upper()}_PORT']}", *what] in shown
        assert any(line.startswith("alerts: ") for line in lines)
        assert lines[-1] == "next: make demo"

        again = run(env, "up")
        assert (again.returncode, again.stdout.splitlines()[1]) == (0, "already up")

        status = run(env, "status", "--json")
        assert status.returncode == 0
        services = json.loads(status.stdout)
        assert [service["name"] for service in services] == what_there_is()
        assert all(service["ready"] for service in services)

        logs = run(env, "logs", "gateway")
        assert logs.returncode == 0
        assert all(line.startswith("gateway | ") for line in logs.stdout.splitlines())

        # The engine is remembered: no ENGINE=native needed to take down what it brought up.
        down = run({**env, "ENGINE": ""}, "down")
        assert (down.returncode, down.stderr) == (0, "")
        assert down.stdout.splitlines()[0] == "engine: native (this stack was brought up with it)"
        assert "stop gateway … " in down.stdout
        assert run(env, "status").returncode == 3
    finally:
        clean = run(env, "clean")
    assert clean.stdout.splitlines()[-1] == f"removed {env['OTELGATE_STATE_DIR']}"
    assert not Path(env["OTELGATE_STATE_DIR"]).exists()


def test_ctrl_c_takes_the_half_started_stack_down(env: dict[str, str]) -> None:
    # In a shell's background job SIGINT is ignored, and children inherit that; not what we have a handler for.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "otelgate_stack", "up"],
        env=whole(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    socket = Path(env["OTELGATE_STATE_DIR"]) / "native" / "supervisor.sock"
    deadline = time.monotonic() + 60
    while not socket.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (130, "interrupted\n")
    assert "taking the half-started stack down again" in output
    assert not socket.exists()
    assert {service["state"] for service in json.loads(run(env, "status", "--json").stdout)} == {"stopped"}


def test_bad_settings_end_with_status_2(env: dict[str, str]) -> None:
    result = run({**env, "OTELGATE_TRACES_TO": "zipkin"}, "up")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: OTELGATE_TRACES_TO='zipkin': expected one of tempo, jaeger, both\n"


def test_other_errors_end_with_status_1(env: dict[str, str]) -> None:
    result = run(env, "logs", "zipkin")
    assert (result.returncode, result.stdout) == (1, "")
    expected = f"error: no service 'zipkin': expected one of {', '.join(what_there_is())}\n"
    assert result.stderr.endswith(expected)


def test_nothing_up(env: dict[str, str]) -> None:
    status = run(env, "status")
    assert status.returncode == 3
    table, _, disks = status.stdout.partition("\n\n")
    assert [line.split()[:2] for line in table.splitlines()[2:]] == [[name, "stopped"] for name in what_there_is()]
    assert disks.startswith("disk of stores and gateway's queues: ")
    assert run(env, "down").stdout.splitlines()[-1] == "nothing is up"
    assert run(env, "clean").stdout.splitlines()[-1] == f"nothing to remove: there is no {env['OTELGATE_STATE_DIR']}"


def test_settings_shows_what_holds(env: dict[str, str]) -> None:
    result = run(env, "settings")
    assert result.returncode == 0
    values = {line.split()[0]: line.split()[1] for line in result.stdout.splitlines()[1:]}
    assert values["OTELGATE_LOKI_PORT"] == env["OTELGATE_LOKI_PORT"]
    assert set(values) == {row.env for row in settings.ROWS}


def test_the_help_of_each_command_has_a_text_for_each_option() -> None:
    for command in all_commands().values():
        context = click.Context(command, info_name=command.name)
        assert command.get_help(context).startswith(f"Usage: {command.name} ")
        options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
        assert command.help
        assert [option.name for option in options if not option.help] == []


def test_help_groups_every_command(env: dict[str, str]) -> None:
    shown = run(env, "--help")
    assert shown.returncode == 0
    assert [title for title in cli.SECTIONS if f"\n{title}:\n" not in shown.stdout] == []
    assert [name for name in cli.PROGRAM.commands if f"\n  {name} " not in shown.stdout] == []


def test_run_audit_commands_help_shows_its_options(env: dict[str, str]) -> None:
    assert "  verify " in run(env, "audit", "--help").stdout
    assert "--no-loki" in run(env, "audit", "verify", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upp",), "error: No such command 'upp'. Did you mean 'up'?"),
        (("audit", "verfiy"), "error: No such command 'verfiy'. Did you mean 'verify'?"),
        (("audit", "verify", "--heads"), "error: Option '--heads' requires an argument."),
        (("demo", "--runs", "x"), "error: Invalid value for '--runs': 'x' is not a valid integer."),
        (("costs", "spent", "--since", "1y"), "error: --since='1y': expected a number and m, h, d or w, such as 24h"),
    ],
)
def test_bad_usage_ends_with_status_2(env: dict[str, str], arguments: tuple[str, ...], message: str) -> None:
    ended = run(env, *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", message + "\n")


def test_costs_without_a_stack_end_with_status_1(env: dict[str, str]) -> None:
    ended = run(env, "costs", "spent")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: costs come from the running stack's Prometheus, is it up? ")


def test_settings_as_json_has_each_setting(env: dict[str, str]) -> None:
    shown = json.loads(run(env, "settings", "--json").stdout)
    assert set(shown) == {row.env for row in settings.ROWS}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("sta",), ["status"]),
        (("audit", "ver"), ["verify"]),
        (("audit", "verify", "--no"), ["--no-loki"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
    ],
)
def test_complete_in_bash_offers_commands_and_options(
    env: dict[str, str], typed: tuple[str, ...], offered: list[str]
) -> None:
    """The script in a real bash, with the words on its command line as Tab gives them to the function."""
    script = 'eval "$(otelgate completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))'
    script += (
        '; "$(complete -p otelgate | sed "s/.*-F \\([^ ]*\\) .*/\\1/")" otelgate; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--norc", "-c", script, "bash", "otelgate", *typed]
    done = subprocess.run(command, env={**whole(env), "PATH": path}, capture_output=True, text=True, timeout=300)
    assert (done.stdout.splitlines(), done.stderr) == (offered, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_of_other_shells_is_a_script_for_them(env: dict[str, str], shell: str) -> None:
    assert f"_OTELGATE_COMPLETE={shell}_complete" in run(env, "completion", shell).stdout
