"""PostgreSQL by pg_basebackup: the whole cluster, roles and passwords included, while the server works.

pg_dump would leave out the roles, and its file has to be read into a server that runs. Of a database of 112 MB, on a
busy machine, pg_dump took 42 s and wrote 49 MB, pg_basebackup 32 s and 60 MB (compressed); both were restored in 11 s.
"""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import psycopg

from .. import credentials
from ..engines import compose_cli
from ..engines.postgres import MAJOR, PROGRAMS
from ..errors import StackError
from ..settings import Settings
from .archive import Packed

_CHUNK = 1 << 20
_ARGUMENTS = (
    *("--host=127.0.0.1", "--username=postgres", "--no-password"),
    *("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"),
)
# The password goes from its file into the environment of the tool alone, so into no argument.
_WITH_PASSWORD = ("sh", "-c", 'PGPASSWORD="$(cat "$0")" "$@"')
_FOLDERS = {"native": (str(MAJOR),), "docker": ("data", f"data/{MAJOR}", f"data/{MAJOR}/docker")}
"""The folders around the cluster in the tar of its data, by engine (places.py), and its own at last."""


def copy(settings: Settings, engine: str, packed: Packed) -> None:
    """Write the data of the server that runs as a tar, as `Places.unpack` takes it. Raises StackError."""
    with _write_ahead_log_kept(settings), _output(*_command(settings, engine)) as source:
        _move(source, _FOLDERS[engine], packed)


def _command(settings: Settings, engine: str) -> tuple[list[str], dict[str, str] | None]:
    """Its arguments, and its environment if that is not ours."""
    if engine == "native":
        program, port = str(PROGRAMS / "pg_basebackup"), f"--port={settings.postgres_port}"
        return [*_WITH_PASSWORD, str(credentials.superuser_password(settings)), program, port, *_ARGUMENTS], None
    command = compose_cli.find(settings)
    assert command is not None  # the stack is up
    inside = (*_WITH_PASSWORD, "/run/secrets/postgres_password", "pg_basebackup", *_ARGUMENTS)
    whole = compose_cli.Compose(settings, command).command("exec", "-T", "postgres", *inside)
    return whole, compose_cli.environment(settings)


@contextmanager
def _write_ahead_log_kept(settings: Settings) -> Iterator[None]:
    """A slot keeps all that the server writes to its log meanwhile, which is a part of the copy."""
    name = f"otelgate_backup_{os.getpid()}"
    try:
        password = credentials.superuser_password(settings).read_text().strip()
        with psycopg.connect(settings.database, user="postgres", password=password, autocommit=True) as connection:
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true, true)", [name])
            yield
    except (OSError, psycopg.Error) as error:
        raise StackError(f"pg_basebackup: {str(error).strip()}") from error


@contextmanager
def _output(command: list[str], environment: dict[str, str] | None) -> Iterator[IO[bytes]]:
    """The output of a command. Raises StackError if it fails."""
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            assert process.stdout is not None
            broken = None
            try:
                yield process.stdout
            except tarfile.TarError as error:  # which ends early if the command fails
                broken = error
        if process.returncode or broken:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()[-2000:]
            raise StackError(f"pg_basebackup failed (exit status {process.returncode}): {said or broken}")


def _move(source: IO[bytes], folders: tuple[str, ...], packed: Packed) -> None:
    """Write the tar of the cluster as that of the folders around it, which get the cluster's owner."""
    with (
        tarfile.open(fileobj=source, mode="r|", bufsize=_CHUNK) as old,
        tarfile.open(fileobj=packed, mode="w|", bufsize=_CHUNK, copybufsize=_CHUNK) as new,  # type: ignore[call-overload]
    ):
        for number, member in enumerate(old):
            if not number:
                for folder in folders:
                    around = tarfile.TarInfo(folder)
                    around.type, around.mode = tarfile.DIRTYPE, 0o700
                    around.uid, around.gid = member.uid, member.gid
                    new.addfile(around)
            member.name = f"{folders[-1]}/{member.name}"
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    while source.read(_CHUNK):  # after the tar's end
        pass
