"""The libraries that dynamic programs need, as the loader of this machine finds them.

By `ldd`, which is the loader itself: packages that read ELF files, such as auditwheel, only imitate its rules.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..errors import StackError

FOLDER = "/lib/otelgate"
"""The folder in an image; its LD_LIBRARY_PATH names this folder."""

_FOUND = re.compile(r"^\s+(\S+) => (/\S+) \(0x", re.MULTILINE)
_LOADER = re.compile(r"^\s+(/\S+) \(0x", re.MULTILINE)
# Opened by the C library itself when a host name is looked up; empty shells where they are part of it.
_BY_NAME = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")


def collect(programs: Iterable[Path], packed: Iterable[Path] = ()) -> dict[str, Path]:
    """Place in the image → file here, for the libraries of these programs (and extension modules).

    Those below one of the folders `packed` are left out: they come along where they are. Raises StackError without
    `ldd`, which comes with the C library.
    """
    try:
        answer = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True)
    except OSError as error:
        raise StackError(f"ldd is missing ({error.strerror}): it tells what an image must hold") from None
    there = [folder.resolve() for folder in packed]
    libraries = {
        name: Path(path)
        for name, path in _FOUND.findall(answer.stdout)
        if not any(Path(path).resolve().is_relative_to(folder) for folder in there)
    }
    if c_library := libraries.get("libc.so.6"):
        for name in _BY_NAME:
            if (file := c_library.with_name(name)).exists():
                libraries[name] = file
    loaders = {path: Path(path) for path in _LOADER.findall(answer.stdout)}
    return {**loaders, **{f"{FOLDER}/{name}": path for name, path in libraries.items()}}
