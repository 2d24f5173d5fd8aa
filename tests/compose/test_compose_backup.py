"""Backup and restore of the compose stack: volumes out, volumes gone, volumes in again."""

import io
from collections.abc import Callable
from pathlib import Path

import otlp
import pytest
from otelgate_stack import credentials, state
from otelgate_stack.backup import backup
from otelgate_stack.clients.audit_store import AuditStore
from otelgate_stack.commands import audit_command
from otelgate_stack.engines.docker import DockerEngine
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report

pytestmark = [pytest.mark.docker, pytest.mark.slow]

Make = Callable[..., DockerEngine]


@pytest.mark.shows("F4", "K58")
def test_restore_brings_back_volumes(engine: Make, tmp_path: Path) -> None:
    stack = engine()
    stack.up()
    sent = otlp.send(stack.settings)
    assert otlp.missing(stack.settings, sent, "prometheus", "loki", "tempo") == []
    rows = AuditStore(stack.settings).size()[0]
    output = io.StringIO()
    file = backup.backup(stack.settings, stack, Report(output), tmp_path / "backups")
    assert all(service.ready for service in stack.status() if service.name != "grafana"), output.getvalue()
    with pytest.raises(StackError, match=r"^there is data already, of gateway, prometheus, "):
        backup.restore(stack.settings, stack, Report(output), file)
    key = (credentials.folder(stack.settings) / "audit_key").read_text()

    stack.down()
    stack.clean()
    state.remove(stack.settings)
    backup.restore(stack.settings, stack, Report(output), file)
    assert (credentials.folder(stack.settings) / "audit_key").read_text() == key
    stack.up()
    assert otlp.missing(stack.settings, sent, "prometheus", "loki", "tempo") == []
    assert AuditStore(stack.settings).size()[0] == rows
    verified = audit_command.run(stack.settings, ["verify"], capture=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
