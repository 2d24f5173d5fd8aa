"""Backup and restore with the docker engine: a volume's files, their owners and modes, out of it and into a new one."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from otelgate_stack import settings
from otelgate_stack.backup.archive import Packed
from otelgate_stack.backup.places import Volumes
from otelgate_stack.engines import compose_cli, docker_client
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report

FILES = {"blocks/1": (b"words", 0o600), "readme": (b"", 0o644)}
OWNER = 10001

pytestmark = pytest.mark.docker


@pytest.fixture
def docker() -> Iterator[Any]:
    """A client of the container engine. Without one the test is skipped, and fails where CI=true."""
    try:
        with docker_client.connect() as client:
            yield client
    except StackError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this with a container engine (.ci/docker.sh starts one): {error}")
        pytest.skip(f"needs a container engine: {error}")


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        folder = tarfile.TarInfo("data")
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o750, OWNER, OWNER
        made.addfile(folder)
        for name, (content, mode) in FILES.items():
            info = tarfile.TarInfo(f"data/{name}")
            info.size, info.mode, info.uid, info.gid = len(content), mode, OWNER, OWNER
            made.addfile(info, io.BytesIO(content))
    return file.getvalue()


def packed(volumes: Volumes, name: str, folder: Path) -> bytes:
    """The tar of a volume, as a backup has it."""
    one = Packed(folder)
    with one.file:
        volumes.pack(name, one)
        one.file.seek(0)
        plain = one.file.read()
    assert len(plain) == one.bytes
    return plain


@pytest.mark.shows("F4")
def test_a_volume_goes_out_and_in(docker: Any, tmp_path: Path) -> None:
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path / "state"), "HOME": str(Path.home())})
    project = compose_cli.project(loaded)
    volumes = Volumes(loaded, Report(io.StringIO()), docker)
    made = docker.volumes.list(filters={"label": f"com.docker.compose.project={project}"})
    assert made == []
    try:
        volumes.unpack("loki", io.BytesIO(tar()))
        assert volumes.filled() == ["loki"]
        plain = packed(volumes, "loki", tmp_path)
        volumes.unpack("tempo", io.BytesIO(plain))
        assert volumes.filled() == ["loki", "tempo"]
        with tarfile.open(fileobj=io.BytesIO(packed(volumes, "tempo", tmp_path))) as found:
            members = {member.name.removeprefix("data/"): member for member in found.getmembers()}
            for name, (content, mode) in FILES.items():
                file = found.extractfile(members[name])
                assert file is not None
                assert file.read() == content
                assert (members[name].uid, members[name].mode & 0o777) == (OWNER, mode)
        assert (members["data"].uid, members["data"].mode & 0o777) == (OWNER, 0o750)
    finally:
        for volume in docker.volumes.list(filters={"label": f"com.docker.compose.project={project}"}):
            volume.remove()
