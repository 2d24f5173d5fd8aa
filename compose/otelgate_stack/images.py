"""Container images: the gateway's and the audit sink's own, and stand-ins for the others where there is no registry.

All are built FROM scratch through the engine's API, out of static programs (see builds.py) or of what runs here
(python_image.py, postgres_image.py), so nothing is pulled and neither a docker CLI nor BuildKit is needed.
"""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from docker import errors as docker_errors  # type: ignore[import-untyped]
from dotenv import dotenv_values

from . import builds, postgres_image, python_image
from .errors import StackError
from .report import Report
from .settings import Settings

# Says what an image was made of; an image with the same sum is not built again.
SOURCE_LABEL = "otelgate.source"
# Marks a stand-in for an official image.
STAND_IN_LABEL = "otelgate.stand-in"

# Built here; all others are pulled.
OWN = ("gateway", "audit", "feedback")
Context = Mapping[str, Path | bytes | None]
"""Path in the build context → a file, bytes, or None for an empty folder."""


@dataclass(frozen=True)
class Layout:
    """What compose.yaml relies on in an official image: entrypoint, user, and the folder that this user owns."""

    program: str
    user: str
    data: str | None = None

    def dockerfile(self, service: str) -> str:
        lines = ["FROM scratch", f"COPY {service} {self.program}"]
        if self.data:
            lines += [f"COPY --chown={self.user} data {self.data}", f"WORKDIR {self.data}"]
        return "\n".join([*lines, f"USER {self.user}", f'ENTRYPOINT ["{self.program}"]', ""])


OFFICIAL: dict[str, Layout | None] = {
    "prometheus": Layout("/bin/prometheus", "65534:65534", "/prometheus"),
    "loki": Layout("/usr/bin/loki", "10001:10001", "/loki"),
    "tempo": Layout("/tempo", "10001:10001", "/var/tempo"),
    "jaeger": Layout("/cmd/jaeger/jaeger-linux", "10001"),
    "postgres": None,  # postgres_image.py
}


def pins(settings: Settings) -> dict[str, str]:
    """versions.env."""
    return {name: value or "" for name, value in dotenv_values(settings.root / "versions.env").items()}


def names(settings: Settings) -> dict[str, str]:
    """Each service's image, as compose.yaml names it (a test compares them)."""
    pin = pins(settings)
    return {
        "gateway": f"otelgate/gateway:{pin['OTELGATE_VERSION']}",
        "prometheus": f"prom/prometheus:{pin['PROMETHEUS_IMAGE_TAG']}",
        "loki": f"grafana/loki:{pin['LOKI_VERSION']}",
        "tempo": f"grafana/tempo:{pin['TEMPO_IMAGE_TAG']}",
        "jaeger": f"jaegertracing/jaeger:{pin['JAEGER_IMAGE_TAG']}",
        "audit": f"otelgate/audit:{pin['OTELGATE_VERSION']}",
        "feedback": f"otelgate/audit:{pin['OTELGATE_VERSION']}",
        "postgres": f"postgres:{pin['POSTGRES_VERSION']}",
    }


def build_gateway(settings: Settings, report: Report, client: Any) -> str:
    """Build the gateway's image unless the one that is there is made of the same files. Returns its name."""
    programs = builds.build(["gateway", "probe"], settings, report)
    collector = settings.root / "collector"
    context: dict[str, Path | bytes | None] = {
        "Dockerfile": collector / "Dockerfile",
        "data": None,
        **programs,
        **{f"config/{file.name}": file for file in sorted((collector / "config").glob("*.yaml"))},
    }
    name = names(settings)["gateway"]
    _build(name, lambda: context, report, client, {SOURCE_LABEL: checksum(context)})
    return name


def build_audit(settings: Settings, report: Report, client: Any) -> str:
    """Build the audit sink's image unless the one that is there is made of the same. Returns its name."""

    def context() -> Context:
        files = python_image.files(settings)
        everything = {**files, **dict(python_image.compiled(files))}
        return {"Dockerfile": python_image.DOCKERFILE.encode(), **_below_root(everything)}

    name = names(settings)["audit"]
    _build(name, context, report, client, {SOURCE_LABEL: python_image.key(settings)})
    return name


def build_stand_ins(services: Iterable[str], settings: Settings, report: Report, client: Any) -> list[str]:
    """Build the images that these backends need and the engine lacks, out of the native programs.

    For machines that reach no registry, tests above all: compose.yaml runs with them as it does with the official ones.
    An image that is there already is left alone. Returns the names of those built.
    """
    wanted = {service: names(settings)[service] for service in services}
    missing = {service: name for service, name in wanted.items() if not is_there(name, client)}
    programs = builds.build([service for service in missing if OFFICIAL[service]], settings, report)
    for service, name in missing.items():
        context: dict[str, Path | bytes | None] = {"data": None}
        if layout := OFFICIAL[service]:
            context |= {"Dockerfile": layout.dockerfile(service).encode(), service: programs[service]}
        else:
            context |= {"Dockerfile": postgres_image.DOCKERFILE.encode(), **_below_root(postgres_image.files())}
        labels = {STAND_IN_LABEL: service, SOURCE_LABEL: checksum(context)}
        _build(name, lambda context=context: context, report, client, labels)  # type: ignore[misc]
    return list(missing.values())


def _below_root(files: Mapping[str, Path | bytes]) -> dict[str, Path | bytes | None]:
    return {f"root{place}": content for place, content in files.items()}


def is_there(name: str, client: Any) -> bool:
    """Whether the engine has this image."""
    try:
        client.images.get(name)
    except docker_errors.ImageNotFound:
        return False
    return True


def _build(name: str, context: Callable[[], Context], report: Report, client: Any, labels: Mapping[str, str]) -> None:
    with report.step(f"image {name}") as step:
        if is_there(name, client) and client.images.get(name).labels.get(SOURCE_LABEL) == labels[SOURCE_LABEL]:
            step.note("there already")
            return
        with tempfile.TemporaryFile() as file:
            _pack(context(), file)
            file.seek(0)
            try:
                client.images.build(
                    fileobj=file,
                    custom_context=True,
                    tag=name,
                    rm=True,
                    forcerm=True,
                    labels=dict(labels),
                )
                # The image that had this name before; one that a container still uses stays.
                client.images.prune(filters={"dangling": True, "label": SOURCE_LABEL})
            except docker_errors.BuildError as error:
                last = "".join(line.get("stream", "") for line in error.build_log)[-2000:].strip()
                raise StackError(f"building the image {name} failed: {error.msg}\n{last}") from error
            except docker_errors.DockerException as error:
                raise StackError(f"building the image {name} failed: {error}") from error


def checksum(context: Context) -> str:
    """Changes with any file of the context."""
    digest = hashlib.sha256()
    for name, content in sorted(context.items()):
        digest.update(f"\0{name}\0".encode())
        if isinstance(content, Path):
            with content.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        else:
            digest.update(content or b"")
    return digest.hexdigest()


def _pack(context: Context, file: IO[bytes]) -> None:
    """Write the build context as a tar: paths and bytes become files, None an empty folder; no times, no owners."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in sorted(context.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            elif isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.size = content.stat().st_size
                with content.open("rb") as source:
                    tar.addfile(entry, source)
