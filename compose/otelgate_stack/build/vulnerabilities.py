"""`make vulnerabilities`: govulncheck and pip-audit, against databases by path or URL.

Exit status: 0 if no vulnerability is known, 1 if one is, 2 if the check failed.
"""

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from otelgate_audit import kinds
from packaging.version import Version

from ..errors import CheckError, StackError
from ..report import Report
from ..settings import Settings
from . import builds, golang, osv_records

FOUND = 1
_OLD_DAYS = 30
_TIMEOUT_S = 60.0
_LOCK = "requirements/dev.txt"
_NO_PROXY = ("NO_PROXY", "no_proxy")  # where both are set, requests reads the second


@dataclass(frozen=True)
class Database:
    """The source of the database, and its last modification."""

    setting: str
    source: str
    modified: datetime

    def age(self, now: datetime) -> int:
        """In days."""
        return (now - self.modified).days


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a module that `programs` are made of.

    `called`: yes or no as far as govulncheck sees which functions our programs call; unknown for Python.
    """

    programs: str
    module: str
    version: str
    fixed: str
    id: str
    aliases: tuple[str, ...]
    called: str
    summary: str


def run(settings: Settings, report: Report, *, as_json: bool, called_only: bool) -> int:
    """Look all up, print it, return the exit status. Raises CheckError when something could not be looked up."""
    progress = Report(sys.stderr) if as_json else report
    try:
        go, (python, records) = _go_database(settings), _python_database(settings)
        _print_database(go, progress)
        _print_database(python, progress)
        found = [*_go(settings, progress), *_python(settings, records, progress)]
    except CheckError:
        raise
    except StackError as error:  # a program could not be built: nothing was looked up
        raise CheckError(str(error)) from error
    if called_only:
        found = [vulnerability for vulnerability in found if vulnerability.called != "no"]
    if as_json:
        now = datetime.now(UTC)
        databases = [
            {
                "setting": database.setting,
                "source": kinds.masked(database.source),
                "modified": database.modified.isoformat(),
                "age_days": database.age(now),
            }
            for database in (go, python)
        ]
        vulnerabilities = [dataclasses.asdict(vulnerability) for vulnerability in found]
        report.line(json.dumps({"databases": databases, "vulnerabilities": vulnerabilities}, indent=2))
    else:
        _table(found, report)
    return FOUND if found else 0


def _go_database(settings: Settings) -> Database:
    source = settings.vulnerabilities_go
    try:
        index = json.loads(_read(source.rstrip("/") + "/index/db.json"))
        return Database("OTELGATE_VULNERABILITIES_GO", source, datetime.fromisoformat(index["modified"]))
    except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        expected = "the Go vulnerability database or a copy of it, a folder or a URL below which index/db.json is"
        raise _unreadable("OTELGATE_VULNERABILITIES_GO", source, error, expected) from error


def _python_database(settings: Settings) -> tuple[Database, osv_records.Records]:
    source = settings.vulnerabilities_python
    try:
        records = osv_records.read(Path(source) if _local(source) else _read(source))
        return Database("OTELGATE_VULNERABILITIES_PYTHON", source, records.modified), records
    except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        expected = "OSV records of Python packages, a zip or its URL, or a folder of JSON or YAML files"
        raise _unreadable("OTELGATE_VULNERABILITIES_PYTHON", source, error, expected) from error


def _local(source: str) -> bool:
    return "://" not in source


def _read(source: str) -> bytes:
    if _local(source):
        return Path(source).read_bytes()
    return httpx.get(source, follow_redirects=True, timeout=_TIMEOUT_S).raise_for_status().content


def _unreadable(setting: str, source: str, error: Exception, expected: str) -> CheckError:
    why = f"{type(error).__name__}: {kinds.masked(str(error))}"
    return CheckError(
        f"{setting}={kinds.masked(source)!r}: expected {expected} ({why})\n"
        "nothing was looked up; docs/how-to/security.md says how to mirror a database where there is no network"
    )


def _print_database(database: Database, report: Report) -> None:
    age = database.age(datetime.now(UTC))
    source = kinds.masked(database.source)
    report.line(f"{database.setting}={source}: last modified {database.modified:%Y-%m-%d}, {age} days ago")
    if age > _OLD_DAYS:
        report.line(f"warning: older than {_OLD_DAYS} days; what became known since is not in it", "yellow")


def _go(settings: Settings, report: Report) -> Iterator[Vulnerability]:
    checker = builds.build(["govulncheck"], settings, report)["govulncheck"]
    together: dict[tuple[str, str], list[str]] = {}
    for name in builds.STACK:
        program = builds.PROGRAMS[name]
        together.setdefault((program.folder, program.tags), []).append(name)
    for (folder, tags), names in together.items():
        with report.step(f"check {', '.join(names)}") as step:
            packages = [builds.PROGRAMS[name].package for name in names]
            found = govulncheck(checker, settings.vulnerabilities_go, settings.root / folder, packages, tags)
            step.note(f"{len(found)} known")
        yield from (dataclasses.replace(vulnerability, programs=", ".join(names)) for vulnerability in found)


def govulncheck(
    checker: Path, source: str, folder: Path, packages: Sequence[str], tags: str = ""
) -> list[Vulnerability]:
    """Known vulnerabilities of all that is built into these packages of the module in `folder`. Raises CheckError."""
    database = Path(source).as_uri() if _local(source) else source
    command = [str(checker), "-db", database, "-format", "json", *(["-tags", tags] if tags else []), *packages]
    done = subprocess.run(command, cwd=folder, env=golang.environment(), capture_output=True, text=True)
    if done.returncode:
        said = kinds.masked(_last(done.stderr))
        raise CheckError(f"govulncheck failed in {folder} (exit status {done.returncode}):\n{said}")
    records: dict[str, dict[str, Any]] = {}
    found: dict[tuple[str, str], Vulnerability] = {}
    for message in _messages(done.stdout):
        if record := message.get("osv"):
            records[record["id"]] = record
        elif finding := message.get("finding"):
            # From the vulnerable function, where it is called, to ours; of a module that is only there, the module.
            place, record = finding["trace"][0], records[finding["osv"]]
            key = (place["module"], record["id"])
            if "function" not in place and key in found:
                continue
            found[key] = Vulnerability(
                programs="",
                module=place["module"],
                version=place.get("version", ""),
                fixed=finding.get("fixed_version", ""),
                id=record["id"],
                aliases=tuple(record.get("aliases", ())),
                called="yes" if "function" in place else "no",
                summary=" ".join((record.get("summary") or record.get("details", "")).split()),
            )
    return [found[key] for key in sorted(found)]


def _messages(text: str) -> Iterator[dict[str, Any]]:
    """The JSON values that follow each other, tens of megabytes of them."""
    decoder, at = json.JSONDecoder(), 0
    while start := re.compile(r"\S").search(text, at):
        message, at = decoder.raw_decode(text, start.start())
        yield message


def _python(settings: Settings, records: osv_records.Records, report: Report) -> list[Vulnerability]:
    with report.step(f"check {_LOCK}") as step:
        found = pip_audit(settings.root / _LOCK, records)
        step.note(f"{len(found)} known")
    return found


def pip_audit(lock: Path, records: osv_records.Records) -> list[Vulnerability]:
    """Known vulnerabilities of the versions in a lock that are for this machine. Raises CheckError."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_AUDIT_")}
    with osv_records.served(records) as url:
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
        command += ["--vulnerability-service", "osv", "--osv-url", url, "--format", "json", "--progress-spinner", "off"]
        done = subprocess.run(command, env=env | dict.fromkeys(_NO_PROXY, "127.0.0.1"), capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
        unread = [package["name"] for package in packages if "version" not in package]
    except (ValueError, KeyError, TypeError):
        raise CheckError(f"pip-audit failed (exit status {done.returncode}):\n{_last(done.stderr)}") from None
    if unread:
        raise CheckError(f"pip-audit could not look up {', '.join(unread)} of {lock}")
    return [
        Vulnerability(
            programs="Python",
            module=package["name"],
            version=package["version"],
            fixed=_first_above(package["version"], known["fix_versions"]),
            id=known["id"],
            aliases=tuple(known["aliases"]),
            called="unknown",
            summary=known["description"],
        )
        for package in sorted(packages, key=lambda package: str(package["name"]))
        for known in package["vulns"]
    ]


def _first_above(version: str, fixed: Sequence[str]) -> str:
    above = [text for text in fixed if Version(text) > Version(version)]
    return min(above, key=Version, default="")


def _table(found: Sequence[Vulnerability], report: Report) -> None:
    if not found:
        report.line("no known vulnerability", "green")
        return
    header = ("programs", "module", "version", "fixed in", "id", "called", "summary")
    rows = [
        (one.programs, one.module, one.version, one.fixed or "none yet", one.id, one.called, one.summary)
        for one in found
    ]
    report.line()
    report.table(rows, header)
    fixed, called = sum(bool(one.fixed) for one in found), sum(one.called == "yes" for one in found)
    report.line(f"\n{len(found)} known vulnerabilities, {fixed} with a fix, {called} in code that is called")


def _last(text: str) -> str:
    return "\n".join("  " + line for line in text.strip().splitlines()[-10:])
