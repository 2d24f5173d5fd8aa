"""The docker engine: compose/compose.yaml, run by `docker compose` and watched through the engine's API."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docker import errors as docker_errors  # type: ignore[import-untyped]

from .. import credentials, ports, service_table, state
from ..build import builds, images
from ..errors import StackError
from ..report import Report
from ..settings import Settings
from . import compose_cli, docker_client, preflight, services, watchers
from .engine import ServiceStatus

READY_WITHIN_S = 180.0
_LOG_LINES = 15
# A registry that is slower than this at telling of an image would take hours for it.
_REGISTRY_S = 30.0
# A container that came up and ended this often is not going to stay.
_GIVES_UP_AFTER = 2


def available(settings: Settings) -> tuple[bool, str]:
    """Whether the stack can run on Docker here, and why (not). Answers within seconds."""
    try:
        with docker_client.connect(timeout_s=3) as client:
            if compose_cli.find(settings) is None:
                return False, "Docker answers, but there is no `docker compose` v2"
            spared = {*images.OWN, *watchers.OPTIONAL}
            backends = [service for service in service_table.names(settings) if service not in spared]
            names = [images.names(settings)[service] for service in backends]
            missing = [name for name in names if not images.is_there(name, client)]
    except StackError as error:
        return False, str(error)
    unreachable = docker_client.not_pullable(missing)
    if unreachable:
        return False, f"Docker answers, but {unreachable[0]} is not there and cannot be pulled"
    return True, "Docker answers and " + ("can pull the images" if missing else "has the images")


def data_folders() -> dict[str, Path]:
    """The engine's folder of volumes; none if it does not answer, or runs on another machine."""
    if not docker_client.address().startswith("unix:"):
        return {}
    try:
        with docker_client.connect(timeout_s=3) as client:
            folder = Path(client.info()["DockerRootDir"])
    except StackError:
        return {}
    return {"containers' volumes": folder} if folder.exists() else {}


class DockerEngine:
    """See `Engine`. Nothing is asked of Docker before a method is called."""

    name = "docker"

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings = settings
        self.report = report
        self._urls = {service.name: service.url for service in services.services(settings)}

    @property
    def services(self) -> list[str]:
        return compose_cli.running(self.settings)

    def up(self) -> None:
        """Build our own images, start all that doesn't run and wait until every health check passes."""
        preflight.check(self.settings)
        state.ensure(self.settings)
        with docker_client.connect() as client:
            # All that can be refused comes before the builds, which take minutes when they are the first.
            self._leave_out(client)
            self._check_images(client)
            self._check_ports(client)
            self._check_disk(client)
            credentials.ensure(self.settings)
            compose = self._compose(build=True)
            images.build_gateway(self.settings, self.report, client)
            if self.settings.audit:
                images.build_audit(self.settings, self.report, client)
            self._pull(client)
            compose_cli.stage_secrets(self.settings)
            compose_cli.stage_files(self.settings)
            try:
                self._start_all(compose, client)
            except BaseException:
                with self.report.step("take the half-started stack down"):
                    compose.run("down", "--remove-orphans")
                raise

    def down(self) -> None:
        with docker_client.connect() as client:
            compose = self._compose()
            if not self._containers(client):
                self.report.line("nothing is up")
                return
            with self.report.step("stop the containers"):
                compose.run("down", "--remove-orphans")

    def clean(self) -> None:
        with docker_client.connect() as client:
            compose = self._compose()
            with self.report.step("remove containers and volumes"):
                compose.run("down", "--remove-orphans", "--volumes")
                for volume in client.volumes.list(filters=self._project_filter()):  # of an older compose.yaml
                    volume.remove()

    def status(self) -> list[ServiceStatus]:
        with docker_client.connect() as client:
            containers = self._containers(client)
            return [self._status(service, containers.get(service)) for service in self.services]

    def logs(self, services: Sequence[str], follow: bool) -> None:
        compose = self._compose()
        colour = [] if self.report.style("x", "bold") != "x" else ["--no-color"]
        compose.show("logs", *colour, *(["--follow"] if follow else []), *(services or self.services))

    def reload(self, service: str) -> None:
        """SIGHUP for one service, where it runs."""
        with docker_client.connect() as client:
            container = self._containers(client).get(service)
            if container is not None and container.attrs["State"]["Running"]:
                container.kill(signal="HUP")

    def start(self, service: str) -> None:
        with docker_client.connect() as client:
            self._container(service, client).start()
            self._wait(service, client)

    def stop(self, service: str) -> None:
        with docker_client.connect() as client:
            self._container(service, client).stop()  # with the service's stop_grace_period

    def kill(self, service: str) -> None:
        """SIGKILL; the service stays down until `start` or `up`."""
        with docker_client.connect() as client:
            self._container(service, client).kill()

    # How `up` works

    def _compose(self, build: bool = False) -> compose_cli.Compose:
        command = compose_cli.find(self.settings)
        if command is None and build:
            command = [str(builds.build(["docker-compose"], self.settings, self.report)["docker-compose"])]
        if command is None:
            raise StackError("there is no `docker compose` v2 on this machine: install Docker's compose plugin")
        return compose_cli.Compose(self.settings, command)

    def _missing(self, client: Any) -> dict[str, str]:
        """Service -> image, where the engine lacks it and it is not ours."""
        wanted = {name: images.names(self.settings)[name] for name in service_table.names(self.settings)}
        return {
            service: image
            for service, image in wanted.items()
            if service not in images.OWN and not images.is_there(image, client)
        }

    def _leave_out(self, client: Any) -> None:
        """Do without the optional services whose images no registry has. While the stack is up, none is asked again."""
        missing = {name: image for name, image in self._missing(client).items() if name in watchers.OPTIONAL}
        absent = set(service_table.names(self.settings)) - set(self.services) if self._containers(client) else set()
        asked = {name: image for name, image in missing.items() if name not in absent}
        unreachable = docker_client.not_pullable(list(asked.values()))
        absent |= {name for name, image in asked.items() if image in unreachable}
        compose_cli.remember_absent(self.settings, absent & set(missing))
        for name in absent & set(missing):
            meaning = watchers.OPTIONAL[name]
            self.report.line(f"{name}: not started ({missing[name]} cannot be pulled); {meaning}", "yellow")

    def _check_images(self, client: Any) -> None:
        """Refuse if an image that is needed can't be had."""
        missing = [image for service, image in self._missing(client).items() if service in self.services]
        if unreachable := docker_client.not_pullable(list(dict.fromkeys(missing)), _REGISTRY_S):
            raise StackError(
                f"{', '.join(unreachable)}: not there, and cannot be pulled; ENGINE=native runs without images"
            )

    def _pull(self, client: Any) -> None:
        for service, image in self._missing(client).items():
            if service not in self.services:
                continue
            try:
                with self.report.step(f"pull {image}"):
                    client.images.pull(image)
            except docker_errors.DockerException as error:
                raise StackError(f"{image} is not there and cannot be pulled: {error}") from error

    def _check_ports(self, client: Any) -> None:
        """Refuse if a port that compose.yaml publishes is taken, unless by this stack itself."""
        own = {port for container in self._containers(client).values() for port in _published(container.attrs)}
        needed = compose_cli.published(self.settings, self.services)
        ports.check_free({name: address for name, address in needed.items() if address[1] not in own})

    def _check_disk(self, client: Any) -> None:
        # Images and volumes are the engine's; one on another machine has to look after itself.
        if docker_client.address().startswith("unix:"):
            state.check_disk({Path(client.info()["DockerRootDir"]): state.START_BYTES}, "starting the stack")

    def _start_all(self, compose: compose_cli.Compose, client: Any) -> None:
        before = {s for s, container in self._containers(client).items() if _health(container.attrs) == "healthy"}
        try:
            with self.report.step("create the containers"):
                # It returns when all are started, not when they are healthy.
                compose.run("up", "--detach", "--no-build", "--remove-orphans")
        except StackError as error:
            raise StackError("\n".join([str(error), *self._failures(client)])) from None
        with ThreadPoolExecutor(len(self.services)) as pool:
            waiting = [
                pool.submit(self._wait_with_progress, service, client, service in before) for service in self.services
            ]
        for future in waiting:
            future.result()

    def _failures(self, client: Any) -> Iterator[str]:
        for service, container in self._containers(client).items():
            if code := container.attrs["State"]["ExitCode"]:
                yield f"{service} ended with exit status {code}; its last lines:\n{_last_lines(container)}"

    def _wait_with_progress(self, service: str, client: Any, already: bool) -> None:
        with self.report.step(f"start {service}") as step:
            self._wait(service, client)
            if already:
                step.note("was up")

    def _wait(self, service: str, client: Any) -> None:
        """Until the service is healthy. Raises StackError with its last logs if it ends or takes too long."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            container = self._container(service, client)
            if _health(container.attrs) == "healthy":
                return
            failed = _failure(container.attrs)
            if not failed and time.monotonic() > deadline:
                failed = f"was not ready within {READY_WITHIN_S:.0f} s"
            if failed:
                raise StackError(f"{service} {failed}; its last lines:\n{_last_lines(container)}")
            time.sleep(0.2)

    # Running containers

    def _project_filter(self) -> Mapping[str, Any]:
        return {"label": f"com.docker.compose.project={compose_cli.project(self.settings)}"}

    def _containers(self, client: Any) -> dict[str, Any]:
        found = client.containers.list(all=True, filters=self._project_filter(), ignore_removed=True)
        return {container.labels["com.docker.compose.service"]: container for container in found}

    def _container(self, service: str, client: Any) -> Any:
        container = self._containers(client).get(service)
        if container is None:
            raise StackError(f"{service}: there is no such container; `make up ENGINE=docker` makes it")
        return container

    def _status(self, service: str, container: Any) -> ServiceStatus:
        if container is None:
            return ServiceStatus(service, "stopped", "", None, self._urls[service], False)
        now = container.attrs["State"]
        ready = _health(container.attrs) == "healthy"
        word = {"running": "running" if ready else "starting", "restarting": "failed", "dead": "failed"}
        shown = word.get(now["Status"], "failed" if now["ExitCode"] not in (0, 137, 143) else "stopped")
        if _health(container.attrs) == "unhealthy":
            shown = "failed"
        uptime = _age_s(now["StartedAt"]) if now["Running"] else None
        return ServiceStatus(service, shown, container.short_id, uptime, self._urls[service], ready)


def _failure(attrs: Mapping[str, Any]) -> str:
    """Why this container won't become healthy; empty while it may."""
    now = attrs["State"]
    if now["Status"] in ("exited", "dead"):
        return f"ended with exit status {now['ExitCode']}"
    if attrs["RestartCount"] >= _GIVES_UP_AFTER:
        return "does not stay up"
    # One that is between two starts counts as unhealthy too.
    return "is unhealthy" if _health(attrs) == "unhealthy" and not attrs["RestartCount"] else ""


def _health(attrs: Mapping[str, Any]) -> str:
    state = attrs["State"]
    return str(state.get("Health", {}).get("Status", "")) if state["Running"] else ""


def _published(attrs: Mapping[str, Any]) -> Iterator[int]:
    for bindings in (attrs["NetworkSettings"]["Ports"] or {}).values():
        yield from (int(binding["HostPort"]) for binding in bindings or [])


def _age_s(started: str) -> float:
    # RFC 3339 with nanoseconds, which Python reads to the microsecond only.
    moment = datetime.fromisoformat(started[:19]).replace(tzinfo=UTC)
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _last_lines(container: Any) -> str:
    with contextlib.suppress(docker_errors.DockerException):
        text = container.logs(tail=_LOG_LINES).decode(errors="replace")
        # A container that was started over and over said the same each time.
        return "\n".join("  " + line for line in dict.fromkeys(text.splitlines()))
    return "  (no logs)"
