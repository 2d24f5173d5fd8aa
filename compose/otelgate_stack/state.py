"""The state folder: made and marked by us, removed only if the mark is there; and the check for free disk."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StackError
from .settings import Settings

_MARKER = ".otelgate-state"
_ENGINE = "engine"
_GIB = 1 << 30

# What a started stack needs before it takes the first span; its stores grow from there.
START_BYTES = 1 * _GIB


def ensure(settings: Settings) -> None:
    """Make the state folder, readable by this user only. Raises StackError where the folder holds something else."""
    folder = settings.state_dir
    if folder.is_dir() and not _ours(folder) and any(folder.iterdir()):
        raise StackError(f"OTELGATE_STATE_DIR='{folder}': expected a new or empty folder, or one that otelgate made")
    make_folder(folder)
    (folder / _MARKER).write_text("otelgate keeps its state here; `make clean` removes this folder.\n")


def make_folder(folder: Path) -> None:
    """A folder that only this user may read, with its parents. Raises StackError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"cannot make the folder {folder}: {error.strerror}") from error


def remove(settings: Settings) -> bool:
    """Remove the state folder; False if there is none. Raises StackError if it isn't ours."""
    folder = settings.state_dir
    if not folder.exists():
        return False
    if not _ours(folder):
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


def _ours(folder: Path) -> bool:
    return (folder / _MARKER).is_file()
