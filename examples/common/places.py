"""Import endpoints of the running stack's stores, in either engine."""

import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from otelgate_stack import access, state
from otelgate_stack.build import builds
from otelgate_stack.engines import docker_client
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

BLOCK = "18h"
_PROJECT = "otelgate"


class Native:
    """Processes of this machine: every port is on loopback, and Prometheus' folder is at hand."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.audit = f"127.0.0.1:{settings.audit_port}"
        self.tempo = f"127.0.0.1:{settings.tempo_otlp_port}"
        self.jaeger = f"127.0.0.1:{settings.jaeger_otlp_port}"

    def make_blocks(self, files: Sequence[Path]) -> None:
        """Prometheus' blocks from OpenMetrics files; it finds them within a minute. Raises StackError."""
        promtool = builds.build(["promtool"], self._settings, Report())["promtool"]
        folder = self._settings.state_dir / "prometheus"

        def make(file: Path) -> None:
            done = subprocess.run(_command(promtool, file, folder), capture_output=True, text=True)
            if done.returncode:
                raise StackError(f"promtool: {done.stderr.strip()[-500:]}")

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(make, files))


class Containers:
    """Containers on this machine: their addresses in Docker's network, and promtool in Prometheus' own image."""

    def __init__(self, client: Any) -> None:
        self._containers = {
            service: next(iter(client.containers.list(filters={"label": labels})), None)
            for service in ("prometheus", "audit", "tempo", "jaeger")
            for labels in [[f"com.docker.compose.project={_PROJECT}", f"com.docker.compose.service={service}"]]
        }
        self.audit, self.tempo, self.jaeger = (
            self._at("audit", 4320),
            self._at("tempo", 14317),
            self._at("jaeger", 24317),
        )

    def make_blocks(self, files: Sequence[Path]) -> None:
        container = self._containers["prometheus"]
        for file in files:
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(file, arcname=f"history/{file.name}")
            container.put_archive("/prometheus", packed.getvalue())
            inside = Path("/prometheus/history") / file.name
            status, output = container.exec_run([str(word) for word in _command("promtool", inside, "/prometheus")])
            container.exec_run(["rm", "-rf", "/prometheus/history"])
            if status:
                raise StackError(f"promtool: {output.decode(errors='replace').strip()[-500:]}")

    def _at(self, service: str, port: int) -> str:
        container = self._containers[service]
        networks = container.attrs["NetworkSettings"]["Networks"].values() if container else ()
        return next((f"{network['IPAddress']}:{port}" for network in networks if network["IPAddress"]), "")


@contextmanager
def find(settings: Settings) -> Iterator[Native | Containers]:
    """The places of the stack that is up."""
    if state.active_engine(settings) == "docker":
        with docker_client.connect() as client:
            yield Containers(client)
    else:
        yield Native(settings)


def channel(settings: Settings, address: str) -> grpc.Channel:
    """A channel to a trace store's OTLP receiver (host:port), which wants the stores' certificate. Raises OSError."""
    secrets = access.of(settings)
    files = (Path(file).read_bytes() for file in (secrets.authority, secrets.key, secrets.certificate))
    # In Docker's network it has an address that the certificate does not name.
    named = (("grpc.ssl_target_name_override", "localhost"),)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*files), options=named)


def _command(promtool: str | Path, file: Path, folder: str | Path) -> list[str | Path]:
    return [promtool, "tsdb", "create-blocks-from", f"--max-block-duration={BLOCK}", "openmetrics", "-q", file, folder]
