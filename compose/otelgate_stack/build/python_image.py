"""The files of the audit sink's image (audit/Dockerfile): the Python that runs this, with what the sink needs of it.

The interpreter, its standard library, the packages that `otelgate-audit` requires, our own sources and the shared
libraries of all that. So the image is for this machine's architecture, and its C library is this machine's. With a
registry it would be an official Python image and `pip install`; without one there is nothing to run pip in.
"""

import hashlib
import importlib.metadata
import importlib.util
import platform
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import StackError
from ..settings import Settings
from . import shared_libraries

Content = Path | bytes
PREFIX = "/python"
"""audit/Dockerfile has it, too."""

_FOLDER = f"python{sys.version_info.major}.{sys.version_info.minor}"
_SITE = f"{PREFIX}/lib/{_FOLDER}/site-packages"
# Of the standard library and of packages: what no service runs.
_LEFT_OUT = {
    "__pycache__",
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "ensurepip",
    "include",
}
# Windows of Tk, and of Arrow what talks to other machines.
_LEFT_OUT_NAMES = ("_tkinter", "_flight.", "_s3fs.", "libarrow_flight", "libarrow_python_flight", "libarrow_s3")
_LEFT_OUT_SUFFIXES = {".a", ".h", ".pyc", ".pyi", ".pxd", ".pxi", ".pyx", ".exe"}
_ACCOUNTS = {
    "/etc/passwd": b"otelgate:x:10001:10001::/:/sbin/nologin\n",
    "/etc/group": b"otelgate:x:10001:\n",
    "/etc/nsswitch.conf": b"hosts: files dns\n",
}


def dockerfile(settings: Settings) -> Path:
    """audit/Dockerfile."""
    return settings.root / "audit" / "Dockerfile"


def key(settings: Settings) -> str:
    """Changes with what the image is made of: our sources, the packages' versions, Python's, the C library's."""
    own = (Path(__file__), Path(shared_libraries.__file__), dockerfile(settings))
    parts = [sys.version, platform.machine(), *platform.libc_ver(), *(file.read_text() for file in own)]
    parts += [f"{each.name}=={each.version}" for each in _distributions("otelgate-audit")]
    digest = hashlib.sha256("\0".join(parts).encode())
    for place, file in sorted(_own_sources(settings).items()):
        digest.update(f"\0{place}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def files(settings: Settings) -> dict[str, Content]:
    """Everything in the image by its path there, but for byte code. Raises StackError."""
    executable = Path(sys.executable).resolve()
    found: dict[str, Content] = {**_ACCOUNTS, f"{PREFIX}/bin/python3": executable}
    found.update(_tree(Path(sysconfig.get_path("stdlib")), f"{PREFIX}/lib/{_FOLDER}"))
    dynload = Path(sysconfig.get_config_var("DESTSHARED"))
    found.update(_tree(dynload, f"{PREFIX}/lib/{_FOLDER}/lib-dynload"))
    for distribution in _distributions("otelgate-audit"):
        found.update(_package(distribution))
    found.update(_own_sources(settings))
    programs = [executable, *(path for path in found.values() if isinstance(path, Path) and ".so" in path.suffixes)]
    packages = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")]
    found.update(shared_libraries.collect(programs, packages))
    return found


def compiled(found: Mapping[str, Content]) -> Iterator[tuple[str, bytes]]:
    """The byte code next to these sources here, by its path in the image.

    Without it every start would compile everything, since nothing can be written in a container.
    """
    for place, source in found.items():
        if isinstance(source, Path) and source.suffix == ".py":
            cached = Path(importlib.util.cache_from_source(str(source)))
            if cached.exists():
                yield f"{place.rpartition('/')[0]}/__pycache__/{cached.name}", cached.read_bytes()


def _own_sources(settings: Settings) -> dict[str, Path]:
    rooms = (settings.root / "sdk" / "otelgate", settings.root / "audit" / "otelgate_audit")
    return {place: file for room in rooms for place, file in _tree(room, f"{_SITE}/{room.name}")}


def _tree(folder: Path, place: str) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.is_file() and _wanted(inside):
            yield f"{place}/{inside}", path


def _wanted(inside: Path) -> bool:
    left_out = _LEFT_OUT.intersection(inside.parts) or inside.suffix in _LEFT_OUT_SUFFIXES
    return not left_out and not inside.parts[0].startswith("config-") and not inside.name.startswith(_LEFT_OUT_NAMES)


def _distributions(name: str) -> list[importlib.metadata.Distribution]:
    """This distribution and all that it requires, as installed here."""
    found: dict[str, importlib.metadata.Distribution] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    wanted = [(canonicalize_name(name), frozenset[str]())]
    while wanted:
        name, chosen = each = wanted.pop()
        if each in asked:
            continue
        asked.add(each)
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise StackError(f"the Python package {name} is missing: `make .venv/ready` installs it") from None
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if _applies(requirement, chosen):
                wanted.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return [found[name] for name in sorted(found)]


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    environment = {name: str(value) for name, value in default_environment().items()}
    return any(requirement.marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))


def _package(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, Path]]:
    for file in distribution.files or []:
        source = Path(str(distribution.locate_file(file)))
        # Scripts lie outside of site-packages; a .pth of a package in development would lead to this machine.
        if ".." not in file.parts and file.suffix != ".pth" and _wanted(Path(*file.parts)) and source.is_file():
            yield f"{_SITE}/{file}", source
