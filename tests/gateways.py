"""The gateway under test: the container that users run, or, where no engine can be had, the same binary as a process.

Both share the host's network, so settings and addresses are the same.
"""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx
from otelgate_stack import settings, web
from otelgate_stack.build import images
from otelgate_stack.engines import compose_cli
from otelgate_stack.report import Report
from otelgate_stack.settings import OF_BOTH
from testcontainers.core.container import DockerContainer

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # its helper image would have to be pulled

_IMAGES = "otelgate-e2e"


class Gateway(Protocol):
    """Start, stop and kill; the queues on disk stay between starts."""

    kind: str

    def start(self, **settings: str) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def reload(self) -> None: ...
    def remove(self) -> None: ...
    def running(self) -> bool: ...
    def logs(self) -> str: ...


def wait_until_healthy(gateway: Gateway, port: str, deadline_s: float = 300) -> None:
    """Raises with the gateway's last log lines if it doesn't answer, immediately if it ended."""
    deadline = time.monotonic() + deadline_s
    while gateway.running() and time.monotonic() < deadline:
        try:
            if web.get(f"http://127.0.0.1:{port}/").is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise RuntimeError(f"the gateway did not become healthy; its log ends with:\n{gateway.logs()[-3000:]}")


class GatewayContainer:
    """The image, with a volume for its queues; container, volume and the image's tag have the same name.

    The tag of its own keeps the image: another checkout's tests give the usual one to theirs.
    """

    kind = "container"

    def __init__(self, image: str, settings: Mapping[str, str], client: Any) -> None:
        self._settings = {**settings, "OTELGATE_DATA_DIR": "/var/lib/otelgate"}
        self.name = f"otelgate-e2e-{uuid.uuid4().hex[:8]}"
        self._client = client
        self._image = f"{_IMAGES}:{self.name}"
        client.images.get(image).tag(self._image)
        self._volume = client.volumes.create(self.name)
        self._container: DockerContainer | None = None

    def start(self, **settings: str) -> None:
        env = {**self._settings, **settings}
        container = DockerContainer(self._image, network_mode="host", stop_signal="SIGTERM").with_name(self.name)
        container.with_volume_mapping(self._volume.name, "/var/lib/otelgate", "rw")
        for name, value in env.items():
            container.with_env(name, value)
            if name.endswith("_FILE") and value:
                container.with_volume_mapping(value, value, "ro")
        self._container = container.start()
        wait_until_healthy(self, env["OTELGATE_HEALTH_PORT"])

    def stop(self) -> None:
        self._end("SIGTERM")

    def kill(self) -> None:
        self._end("SIGKILL")

    def reload(self) -> None:
        """SIGHUP, which has it read its configuration again."""
        assert self._container is not None
        self._container.get_wrapped_container().kill("SIGHUP")

    def _end(self, signal: str) -> None:
        if self._container is None:
            return
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status == "running":
            wrapped.kill(signal)
            wrapped.wait(timeout=300)
        wrapped.remove(force=True)
        self._container = None

    def remove(self) -> None:
        self.stop()
        self._volume.remove(force=True)
        self._client.images.remove(self._image)

    @classmethod
    def of(cls, loaded: settings.Settings, client: Any) -> "GatewayContainer":
        """Of the image that is built from this repository, not started yet."""
        compose_cli.stage_secrets(loaded)  # the originals are their owner's alone, whom the container's user is not
        copies = {f"OTELGATE_{field.upper()}": str(compose_cli.secret_copy(loaded, field)) for field in OF_BOTH}
        return cls(images.build_gateway(loaded, Report(), client), {**loaded.gateway_env(), **copies}, client)

    @staticmethod
    def remove_named(client: Any, name: str) -> None:
        """Remove the container, the volume and the tag of one that another process started."""
        container = client.containers.get(name)
        container.stop()
        container.remove(force=True)
        client.volumes.get(name).remove(force=True)
        client.images.remove(f"{_IMAGES}:{name}")

    def running(self) -> bool:
        if self._container is None:
            return False
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status == "running")

    def logs(self) -> str:
        return "" if self._container is None else self._container.get_wrapped_container().logs().decode()


class GatewayProcess:
    """The same binary with the same settings."""

    kind = "process"

    def __init__(self, binary: Path, config: Path, settings: Mapping[str, str], folder: Path) -> None:
        self._command = [str(binary), f"--config={config}"]
        self._settings = {**settings, "OTELGATE_DATA_DIR": str(folder / "gateway")}
        self._log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        env = {**self._settings, **settings}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=env, stdout=log, stderr=log)
        wait_until_healthy(self, env["OTELGATE_HEALTH_PORT"])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def reload(self) -> None:
        """SIGHUP, which has it read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def remove(self) -> None:
        self.stop()

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def logs(self) -> str:
        return self._log.read_text() if self._log.exists() else ""
