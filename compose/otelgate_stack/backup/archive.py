"""The file of a backup: a tar of one `<store>.tar.gz` for each store, and `manifest.json` at its end.

The quickest compression is enough: the stores compress by themselves.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import StackError

FORMAT = 1
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_LEVEL = 1


@dataclass(frozen=True)
class Part:
    """One store's data. `bytes` are those of its tar, `sha256` is of the compressed file; `version`: of its program."""

    version: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The contents of the file. `made_at` is UTC, ISO 8601."""

    engine: str
    release: str
    made_at: str
    format: int = FORMAT
    parts: dict[str, Part] = field(default_factory=dict)


def described(manifest: Manifest) -> dict[str, Any]:
    """For scripts: when and by which release it was made, and the stores in it."""
    parts = [
        {"name": name, "version": part.version, "bytes": part.bytes, "sha256": part.sha256}
        for name, part in manifest.parts.items()
    ]
    return {"engine": manifest.engine, "release": manifest.release, "made_at": manifest.made_at, "parts": parts}


class Packed:
    """A store's tar, in a file next to the backup. `Writer.add` compresses it: the store is up again by then."""

    def __init__(self, folder: Path) -> None:
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 — closed by Writer.add
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        return self.file.write(data)


class Writer:
    """Adds stores to a backup; `parts` are those added."""

    def __init__(self, tar: tarfile.TarFile, folder: Path) -> None:
        self.parts: dict[str, Part] = {}
        self._tar = tar
        self._folder = folder

    def pack(self) -> Packed:
        """A file to write a store's tar to, then to be given to `add`."""
        return Packed(self._folder)

    def add(self, name: str, version: str, packed: Packed) -> Part:
        """Put a packed store into the backup, compressed."""
        with packed.file, tempfile.TemporaryFile(dir=self._folder) as file:
            packed.file.seek(0)
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as compressed:
                shutil.copyfileobj(packed.file, compressed, _CHUNK)
            info = tarfile.TarInfo(f"{name}.tar.gz")
            info.size, info.mode = file.tell(), 0o600
            file.seek(0)
            part = Part(version, packed.bytes, hashlib.file_digest(file, "sha256").hexdigest())
            file.seek(0)
            self._tar.addfile(info, file)
        self.parts[name] = part
        return part

    def finish(self, engine: str, release: str, made_at: str) -> Manifest:
        """Write the manifest, which makes the backup whole."""
        manifest = Manifest(engine, release, made_at, parts=self.parts)
        text = json.dumps(asdict(manifest), indent=1).encode()
        info = tarfile.TarInfo(_MANIFEST)
        info.size, info.mode = len(text), 0o600
        self._tar.addfile(info, io.BytesIO(text))
        return manifest


@contextmanager
def create(target: Path) -> Iterator[Writer]:
    """A new backup, readable by its owner only, under another name until it is whole. `finish` it before the end."""
    draft = target.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            yield Writer(tar, target.parent)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)


class Backup:
    """A backup that is read."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self.path = path
        self._tar = tar
        self.manifest = _manifest(path, tar)

    def verify(self, name: str) -> None:
        """Raises StackError if the store's data are not those that were written."""
        with self._member(f"{name}.tar.gz") as file:
            found = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        if found.hexdigest() != self.manifest.parts[name].sha256:
            raise StackError(f"{self.path}: the checksum of {name} is wrong: the file is damaged, nothing was restored")

    @contextmanager
    def unpacked(self, name: str) -> Iterator[IO[bytes]]:
        """A store's tar."""
        with self._member(f"{name}.tar.gz") as file, gzip.GzipFile(fileobj=file) as plain:
            yield plain  # type: ignore[misc]

    def _member(self, name: str) -> IO[bytes]:
        try:
            member = self._tar.extractfile(name)
        except KeyError:
            member = None
        if member is None:
            raise StackError(f"{self.path}: {name} is missing: the file is damaged")
        return member


@contextmanager
def read(path: Path) -> Iterator[Backup]:
    """Open a backup. Raises StackError for one that can't be read."""
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115 — closed below
    except (OSError, tarfile.TarError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a backup of otelgate"
        raise StackError(f"{path}: {reason}") from None
    with tar:
        yield Backup(path, tar)


def _manifest(path: Path, tar: tarfile.TarFile) -> Manifest:
    try:
        member = tar.extractfile(_MANIFEST)
        assert member is not None
        found: dict[str, Any] = json.load(member)
        parts = {name: Part(**part) for name, part in found.pop("parts").items()}
        manifest = Manifest(**found, parts=parts)
    except (KeyError, TypeError, ValueError, AssertionError, tarfile.TarError, OSError):
        raise StackError(f"{path}: not a whole backup of otelgate: it has no manifest that can be read") from None
    if manifest.format != FORMAT:
        raise StackError(f"{path}: format {manifest.format}, expected {FORMAT}: a newer otelgate made it")
    return manifest
