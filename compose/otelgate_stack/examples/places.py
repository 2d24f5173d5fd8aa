"""Import endpoints of the running stack's stores, in either engine."""

import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import state
from ..build import builds
from ..engines import docker_client
from ..errors import StackError
from ..ports import LOOPBACK
from ..report import Report
from ..settings import Settings

_BLOCK = "18h"
_PROJECT = "otelgate"


class Native:
    """Processes of this machine: every port is on loopback, and Prometheus' folder is at hand."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.audit = f"{LOOPBACK}:{settings.audit_port}"
        self.tempo = f"{LOOPBACK}:{settings.tempo_otlp_port}"
        self.jaeger = f"{LOOPBACK}:{settings.jaeger_otlp_port}"

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
        self._containers: dict[str, Any] = {
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
def places(settings: Settings) -> Iterator[Native | Containers]:
    """The places of the stack that is up."""
    if state.active_engine(settings) == "docker":
        with docker_client.connect() as client:
            yield Containers(client)
    else:
        yield Native(settings)


def _command(promtool: str | Path, file: Path, folder: str | Path) -> list[str | Path]:
    return [promtool, "tsdb", "create-blocks-from", f"--max-block-duration={_BLOCK}", "openmetrics", "-q", file, folder]
