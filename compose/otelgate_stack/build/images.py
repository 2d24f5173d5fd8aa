"""Container images: the gateway's and the audit sink's own, and stand-ins for the others where there is no registry.

All are built FROM scratch by the engine's own builder, through its API, from the Dockerfiles in collector/, audit/,
compose/postgres/ and compose/stand-in/. Nothing is pulled, and neither a docker CLI nor BuildKit is needed. A
Dockerfile says all of an image but its files, which the code stages in the build context: no image has them.
"""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from docker import errors as docker_errors  # type: ignore[import-untyped]
from dotenv import dotenv_values

from .. import state
from ..errors import StackError
from ..report import Report
from ..service_spec import Spec
from ..service_table import SPECS, TABLE
from ..settings import Settings
from . import builds, debian, postgres_image, python_image, shared_libraries

# Says what an image was made of; an image with the same sum is not built again.
SOURCE_LABEL = "otelgate.source"
# Marks a stand-in for an official image.
STAND_IN_LABEL = "otelgate.stand-in"

OWN = tuple(spec.name for spec in TABLE if spec.image.name.startswith("otelgate/"))
"""Services whose images are built here; all others are pulled."""
STAND_INS = tuple(spec.name for spec in TABLE if spec.image.user or spec.name == "postgres")
"""Services for whose official image there is a stand-in."""
Context = Mapping[str, Path | bytes | None]
"""Path in an image or a build context → a file, bytes, or None for an empty folder."""


def pins(settings: Settings) -> dict[str, str]:
    """versions.env."""
    return {name: value or "" for name, value in dotenv_values(settings.root / "versions.env").items()}


def names(settings: Settings) -> dict[str, str]:
    """Each service's image, as compose.yaml names it (a test compares them)."""
    pin = pins(settings)
    return {spec.name: spec.image.name.format_map(pin) for spec in TABLE}


def build_gateway(settings: Settings, report: Report, client: Any) -> str:
    """Build the gateway's image unless the one that is there is made of the same files. Returns its name."""
    programs = builds.build(["gateway", "probe"], settings, report)
    collector = settings.root / "collector"
    config = collector / "config"
    context: Context = {
        "Dockerfile": collector / "Dockerfile",
        "data": None,
        **programs,
        **{f"config/{file.relative_to(config)}": file for file in sorted(config.rglob("*.yaml"))},
    }
    name = names(settings)["gateway"]
    with state.locked(settings.cache_dir / "images.lock"):  # another's pruning would take the layers of this one
        _build(name, context, report, client, {SOURCE_LABEL: checksum(context)})
    return name


def build_audit(settings: Settings, report: Report, client: Any) -> str:
    """Build the audit sink's image unless the one that is there is made of the same. Returns its name."""

    name = names(settings)["audit"]
    labels = {SOURCE_LABEL: python_image.key(settings)}
    context = {"Dockerfile": python_image.dockerfile(settings)}
    with state.locked(settings.cache_dir / "images.lock"), _missing(name, report, client, labels) as missing:
        if missing:
            found = python_image.files(settings)
            _build_of_files(name, context, {**found, **dict(python_image.compiled(found))}, client, labels)
    return name


def build_stand_ins(services: Iterable[str], settings: Settings, report: Report, client: Any) -> list[str]:
    """Build the images that these backends need and the engine lacks, out of the native programs.

    For machines that reach no registry, tests above all: compose.yaml runs with them as it does with the official ones,
    which stay as they are. A stand-in made of other files is replaced. Returns the names of those that were missing.
    """
    wanted = {service: names(settings)[service] for service in services}
    missing = [name for name in wanted.values() if not is_there(name, client)]
    ours = {service: name for service, name in wanted.items() if name in missing or _is_stand_in(name, client)}
    built = [service for service in ours if service != "postgres" and service not in debian.EXPORTERS]
    programs = builds.build(built, settings, report)
    for service in set(ours) & set(debian.EXPORTERS):
        programs[service] = debian.fetch(debian.EXPORTERS[service], settings, report).resolve()
    with state.locked(settings.cache_dir / "images.lock"):
        for service, program in programs.items():
            _build_stand_in(SPECS[service], ours[service], program, settings, report, client)
        if name := ours.get("postgres"):
            files, context = postgres_image.files(), postgres_image.context(settings)
            labels = {STAND_IN_LABEL: "postgres", SOURCE_LABEL: checksum({**files, **context})}
            with _missing(name, report, client, labels) as other:
                if other:
                    _build_of_files(name, context, files, client, labels, postgres_image.USER_ID)
    return missing


def _build_stand_in(spec: Spec, name: str, program: Path, settings: Settings, report: Report, client: Any) -> None:
    context: Context = {
        "Dockerfile": settings.root / "compose" / "stand-in" / "Dockerfile",
        "data": None,
        "libraries": None,
        "program": program,
        **{f"libraries{place}": file for place, file in shared_libraries.collect([program]).items()},
    }
    arguments = {"OWNER": spec.image.user, "DATA": spec.data if spec.data and spec.image.owns_data else "/"}
    source = checksum({**context, **{name: value.encode() for name, value in arguments.items()}})
    _build(name, context, report, client, {STAND_IN_LABEL: spec.name, SOURCE_LABEL: source}, arguments)


def _is_stand_in(name: str, client: Any) -> bool:
    return STAND_IN_LABEL in client.images.get(name).labels


def is_there(name: str, client: Any) -> bool:
    """Whether the engine has this image."""
    try:
        client.images.get(name)
    except docker_errors.ImageNotFound:
        return False
    return True


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


@contextmanager
def _missing(name: str, report: Report, client: Any, labels: Mapping[str, str]) -> Iterator[bool]:
    """A step that makes an image, and whether the one that is there is made of something else."""
    with report.step(f"image {name}") as step:
        there = is_there(name, client) and client.images.get(name).labels.get(SOURCE_LABEL) == labels[SOURCE_LABEL]
        if there:
            step.note("there already")
        yield not there
        if not there:
            # The image that had this name before; one that a container still uses stays.
            client.images.prune(filters={"dangling": True, "label": SOURCE_LABEL})


def _build(
    name: str,
    context: Context,
    report: Report,
    client: Any,
    labels: Mapping[str, str],
    arguments: Mapping[str, str] | None = None,
) -> None:
    """By the Dockerfile in the context, with these build arguments, unless the image there is made of the same."""
    with _missing(name, report, client, labels) as missing:
        if missing:
            _build_now(name, context, client, labels, arguments)


def _build_now(
    name: str, context: Context, client: Any, labels: Mapping[str, str], arguments: Mapping[str, str] | None = None
) -> None:
    how = {"custom_context": True, "rm": True, "forcerm": True, "buildargs": arguments, "labels": dict(labels)}
    with tempfile.TemporaryFile() as file:
        _pack(context, file)
        file.seek(0)
        try:
            client.images.build(fileobj=file, tag=name, **how)
        except docker_errors.BuildError as error:
            last = "".join(line.get("stream", "") for line in error.build_log)[-2000:].strip()
            raise StackError(f"building the image {name} failed: {error.msg}\n{last}") from error
        except docker_errors.DockerException as error:
            raise StackError(f"building the image {name} failed: {error}") from error


def _build_of_files(
    name: str, context: Context, files: Context, client: Any, labels: Mapping[str, str], owner: int = 0
) -> None:
    """With the files as `files.tar` in the context: an archive, which the engine unpacks into the layer at once.

    The empty folders among the files are of `owner`.
    """
    folders: Context = {str(parent): None for path in files for parent in PurePosixPath(path).parents}
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        _pack({**folders, **files}, archive, owner, owned={path for path in files if files[path] is None})
        archive.flush()
        _build_now(name, {**context, "files.tar": Path(archive.name)}, client, labels)


def _pack(context: Context, file: IO[bytes], owner: int = 0, owned: Collection[str] = ()) -> None:
    """Write files as a tar: paths and bytes become files, None a folder; root's but for those `owned`.

    Paths keep their time, by which Python knows whether byte code is of its source.
    """
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in sorted(context.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            entry.uid = entry.gid = owner if name in owned else 0
            if content is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            elif isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                found = content.stat()
                entry.size, entry.mtime = found.st_size, int(found.st_mtime)
                with content.open("rb") as source:
                    tar.addfile(entry, source)
