"""The state folder: made and marked by us, removed only if the mark is there; and the check for free disk."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import StackError
from .settings import Settings

_MARKER = ".otelgate-state"
_ENGINE = "engine"
_GIB = 1 << 30

# Space that a started stack needs before the first span; its stores grow from there.
START_BYTES = 1 * _GIB
# Below this a disk counts as nearly full; on a small one, below a tenth of it.
LOW_BYTES = 1 * _GIB
_FULL_BYTES = 1 << 20


def ensure(settings: Settings) -> None:
    """Make the state folder, readable by this user only. Raises StackError where the folder holds something else."""
    folder = settings.state_dir
    if folder.is_dir() and not _has_marker(folder) and any(folder.iterdir()):
        raise StackError(f"OTELGATE_STATE_DIR='{folder}': expected a new or empty folder, or one that otelgate made")
    make_folder(folder)
    (folder / _MARKER).write_text("otelgate keeps its state here; `make clean` removes this folder.\n")


def make_folder(folder: Path) -> None:
    """A folder that only this user may read, with its parents. Raises StackError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"cannot make the folder {folder}: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """For this user alone, whole or not at all: a file half written when the power went would lock everything out."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def remove(settings: Settings) -> bool:
    """Remove the state folder; False if there is none. Raises StackError if it isn't ours."""
    folder = settings.state_dir
    if not folder.exists():
        return False
    if not _has_marker(folder):
        raise StackError(
            f"OTELGATE_STATE_DIR='{folder}': not removed, it has no file {_MARKER}: otelgate didn't make it"
        )
    shutil.rmtree(folder)
    return True


def active_engine(settings: Settings) -> str | None:
    """The engine that brought the stack up, where its data are: `down`, `clean` and the next `up` use it, too."""
    try:
        return (settings.state_dir / _ENGINE).read_text().strip() or None
    except FileNotFoundError:
        return None


def remember_engine(settings: Settings, name: str | None) -> None:
    """Note the engine (None: no stack is up any more)."""
    if name:
        (settings.state_dir / _ENGINE).write_text(name + "\n")
    else:
        (settings.state_dir / _ENGINE).unlink(missing_ok=True)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; another one waits."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # let go by the kernel if this process dies
        yield


@dataclass(frozen=True)
class Disk:
    """A file system, and our data on it. Sizes in bytes; `free` is what this user may still write."""

    holds: tuple[str, ...]
    folder: Path
    free: int
    total: int
    no_files: bool = False
    """Whether it is out of inodes: there is room, but no file can be made."""

    @property
    def low(self) -> bool:
        """Whether to report it: a stack under load fills a gigabyte within minutes to hours."""
        return self.no_files or self.free < min(LOW_BYTES, self.total // 10)

    def __str__(self) -> str:
        text = f"{size(self.free)} of {size(self.total)} free in {self.folder}"
        if self.no_files:
            return f"no file can be made any more (no inodes left), {text}"
        if not self.low:
            return text
        return f"{'full' if self.free < _FULL_BYTES else 'nearly full'}: {text}"


def disks(folders: Mapping[str, Path]) -> list[Disk]:
    """The file systems of these folders, by what is in them; a folder that isn't there yet counts where it will be."""
    by_disk: dict[int, list[str]] = {}
    for name, folder in folders.items():
        by_disk.setdefault(_existing(folder).stat().st_dev, []).append(name)
    return [_disk(tuple(names), folders[names[0]]) for names in by_disk.values()]


def _disk(names: tuple[str, ...], folder: Path) -> Disk:
    found = os.statvfs(_existing(folder))
    no_files = found.f_files > 0 and found.f_favail == 0  # some file systems do not count them
    return Disk(names, folder, found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, no_files)


def size(number: float) -> str:
    """Bytes for people: 812 MiB, 12.3 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder, as their lengths tell; one that goes away meanwhile counts nothing."""
    total = 0
    for file in files(folder):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total


def files(folder: Path) -> list[Path]:
    """The files in a folder and below; none where there is no such folder."""
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def check_disk(needs: dict[Path, int], purpose: str) -> None:
    """Refuse if a disk has not the bytes free that its folders need together. Raises StackError."""
    by_disk: dict[int, list[Path]] = {}
    for folder in needs:
        by_disk.setdefault(_existing(folder).stat().st_dev, []).append(folder)
    for folders in by_disk.values():
        need = sum(needs[folder] for folder in folders)
        free = shutil.disk_usage(_existing(folders[0])).free
        if free < need:
            places = " and ".join(str(folder) for folder in folders)
            raise StackError(
                f"disk short: {purpose} needs about {_gib(need)} GiB in {places}, {_gib(free)} GiB are free"
            )


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f}"


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _has_marker(folder: Path) -> bool:
    return (folder / _MARKER).is_file()
