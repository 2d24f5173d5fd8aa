"""The gateway as a service: it keeps its configuration when a new one is bad, and stops with status 0."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from bounds import Bench, bench, runs
from waiting import until

KEPT = "the new configuration is bad: the one that runs is kept"
RESTARTED = "Everything is ready"


@pytest.fixture(scope="module")
def gateway(gateway_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(gateway_binary, tmp_path_factory.mktemp("lifecycle")) as made:
        made.start()
        yield made


def _reload(gateway: Bench) -> None:
    """Send SIGHUP, and wait until the pipelines run again."""
    before = gateway.said().count(RESTARTED)
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)
    assert until(lambda: gateway.said().count(RESTARTED) > before or gateway.process.poll() is not None, deadline_s=180)
    assert gateway.process.poll() is None, gateway.said()[-3000:]
    gateway.wait_until_healthy()


def _takes(gateway: Bench, name: str) -> None:
    request, names = runs(name, 3, 100)
    assert until(lambda: gateway.send(request) == grpc.StatusCode.OK)
    assert until(lambda: names <= gateway.tempo.names and names <= gateway.audit.names)
    assert gateway.metric("otelcol_receiver_accepted_spans") > 0  # its own metrics are those of what runs now


def test_start_logs_the_files_that_run(gateway: Bench) -> None:
    [line] = [line for line in gateway.said().splitlines() if "the configuration is merged from these files" in line]
    files = [file.removeprefix(f"{gateway.config}/") for file in json.loads(line[line.index("{") :])["files"]]
    numbered = sorted(file.name for file in gateway.config.glob("*.yaml"))
    assert files == [*numbered, "overlays/audit.yaml", "overlays/tempo-plaintext.yaml"]


def test_sighup_takes_a_new_configuration(gateway: Bench) -> None:
    service = gateway.config / "90-service.yaml"
    was = service.read_text()
    assert "level: ${otelgate:log_level}" in was
    service.write_text(was.replace("level: ${otelgate:log_level}", "level: debug"))
    _reload(gateway)
    assert until(lambda: "\tdebug\t" in gateway.said())
    service.write_text(was)
    _takes(gateway, "a1")


@pytest.mark.parametrize("bad", ["receivers: [", "receivers:\n  nonsense:\n", "processors: {genai: {no_such: 1}}\n"])
def test_sighup_keeps_the_configuration_when_the_new_one_is_bad(gateway: Bench, bad: str) -> None:
    before = gateway.said().count(KEPT)
    file = gateway.config / "10-receive.yaml"
    was = file.read_text()
    file.write_text(bad)
    try:
        _reload(gateway)
    finally:
        file.write_text(was)
    assert gateway.said().count(KEPT) == before + 1
    _takes(gateway, f"b{len(bad):x}")


def test_sigterm_ends_with_status_0(gateway: Bench) -> None:
    _takes(gateway, "c1")
    assert gateway.end() == 0, gateway.said()[-3000:]
    gateway.start()


def test_sigterm_ends_in_time_with_a_store_away(gateway: Bench) -> None:
    gateway.audit.away = True
    request, names = runs("d1", 3, 100)
    assert gateway.send(request) == grpc.StatusCode.OK
    assert gateway.end() == 0
    gateway.audit.away = False
    gateway.start()
    assert until(lambda: names <= gateway.audit.names)
