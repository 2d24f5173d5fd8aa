"""Each address that `make up` and `make demo` print says what is behind it, and is one that opens."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from otelgate_stack import addresses, service_table, settings
from otelgate_stack.commands import running
from otelgate_stack.demo import demo_view
from otelgate_stack.engines import services
from otelgate_stack.engines.engine import ServiceStatus
from otelgate_stack.report import Report


def up(engine: str, **env: str) -> list[str]:
    """The last output of `make up`, up to the alerts."""
    loaded, said = settings.load(env), io.StringIO()
    made = services.services(loaded, service_table.ORDER)
    statuses = [ServiceStatus(service.name, "running", "1", 1.0, service.url, True) for service in made]
    fake: Any = SimpleNamespace(name=engine, status=lambda: statuses)
    running.say_where(loaded, fake, Report(said))
    return [" ".join(line.split()) for line in said.getvalue().split("\n\n")[0].strip().splitlines()]


def test_every_service_says_what_its_address_is() -> None:
    assert [spec.name for spec in service_table.TABLE if not spec.what] == ["gateway"]
    assert len(up("native")) == len(service_table.ORDER) + 1


def test_a_page_is_told_from_an_api() -> None:
    native, docker = up("native"), up("docker")
    assert "prometheus http://127.0.0.1:9090 API; ask it with `make promtool`" in native
    assert "prometheus http://127.0.0.1:9090 page: queries, targets, rules" in docker
    for lines in (native, docker):
        assert "loki https://127.0.0.1:3100 API" in lines
        assert "alertmanager http://127.0.0.1:9093 page: alerts and silences" in lines


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_gateway_with_tls_is_printed_with_https(tmp_path: Path, host: str) -> None:
    tls = {"OTELGATE_TLS_CERT_FILE": str(tmp_path / "c"), "OTELGATE_TLS_KEY_FILE": str(tmp_path / "k")}
    more = "" if host == "127.0.0.1" else "; listens on 0.0.0.0, for other machines too"
    assert up("native", OTELGATE_HOST=host, **tls)[:2] == [
        f"OTLP gRPC https://localhost:4317 applications send here{more}",
        f"OTLP HTTP https://localhost:4318 applications send here{more}",
    ]
    gateway, *_ = services.services(settings.load(tls), ["gateway"])
    assert gateway.url == "https://localhost:4318"  # what `make status` shows


def next_steps(monkeypatch: pytest.MonkeyPatch, *open_pages: tuple[str, str]) -> list[str]:
    monkeypatch.setattr(addresses, "pages", lambda settings: iter(open_pages))
    said = io.StringIO()
    found: Any = SimpleNamespace(run=SimpleNamespace(trace_id="a" * 32, instance="demo-1"))
    demo_view._show_next(found, settings.load({}), Report(said))
    return [" ".join(line.split()) for line in said.getvalue().strip().splitlines()]


def test_the_demos_first_link_is_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = next_steps(monkeypatch, ("alerts and silences", "http://127.0.0.1:9093"))
    assert lines[:2] == ["where to look next", "alerts and silences http://127.0.0.1:9093"]
    assert not [line for line in lines if "/graph?" in line]  # Prometheus' own pages are not built


def test_where_no_page_opens_the_demo_begins_with_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = next_steps(monkeypatch)
    assert lines[1] == 'metrics make promtool ARGS="query instant http://127.0.0.1:9090 demo_answers_total"'


def test_pages_that_do_not_answer_are_no_pages() -> None:
    ports = {f"OTELGATE_{name}_PORT": str(number) for number, name in enumerate(("GRAFANA", "ALERTMANAGER"), 1)}
    assert list(addresses.pages(settings.load(ports))) == []
