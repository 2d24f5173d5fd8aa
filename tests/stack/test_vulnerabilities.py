"""`make vulnerabilities` against small databases that the tests write: what is found, what is said, exit statuses."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands_page import documented
from otelgate_stack import settings
from otelgate_stack.build import builds, osv_records, vulnerabilities
from otelgate_stack.errors import CheckError
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

NOW = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
MAIN = 'package main\n\nimport "strings"\n\nfunc main() { println(strings.Repeat("built", 1)) }\n'


def record(name: str, events: list[dict[str, str]], *, number: str = "PYSEC-2026-1", **more: Any) -> dict[str, Any]:
    """An OSV record of a Python package."""
    package = {"name": name, "ecosystem": "PyPI"}
    affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}], "versions": []}
    return {"id": number, "modified": NOW, "summary": f"{name} does harm", "affected": [affected], **more}


def standard_library(number: str, package: str, symbol: str, fixed: str) -> dict[str, Any]:
    """A record of the Go vulnerability database: every Go program has the standard library."""
    return {
        "schema_version": "1.3.1",
        "id": number,
        "modified": NOW,
        "published": NOW,
        "aliases": [number.replace("GO", "CVE")],
        "summary": f"{package}.{symbol} does harm",
        "affected": [
            {
                "package": {"name": "stdlib", "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
                "ecosystem_specific": {"imports": [{"path": package, "symbols": [symbol]}]},
            }
        ],
    }


def go_database(folder: Path, records: list[dict[str, Any]], modified: str = NOW) -> Path:
    """In the layout of the Go vulnerability database."""
    for name in ("ID", "index"):
        (folder / name).mkdir(parents=True)
    for one in records:
        (folder / "ID" / f"{one['id']}.json").write_text(json.dumps(one))
    known = [{"id": one["id"], "modified": one["modified"]} for one in records]
    for name, index in (
        ("db", {"modified": modified}),
        ("modules", [{"path": "stdlib", "vulns": known}]),
        ("vulns", known),
    ):
        (folder / "index" / f"{name}.json").write_text(json.dumps(index))
    return folder


def python_database(folder: Path, *records: dict[str, Any]) -> Path:
    folder.mkdir()
    for one in records:
        (folder / f"{one['id']}.json").write_text(json.dumps(one))
    return folder


def run(settings: Settings, **options: bool) -> tuple[int, str]:
    said = io.StringIO()
    status = vulnerabilities.run(settings, Report(said), **{"as_json": False, "called_only": False, **options})
    return status, said.getvalue()


@pytest.fixture
def repository(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Makes one of a Go program and a Python package, with the databases of these records."""
    folder = tmp_path / "repository"
    (folder / "collector" / "gateway").mkdir(parents=True)
    (folder / "collector" / "gateway" / "main.go").write_text(MAIN)
    (folder / "collector" / "go.mod").write_text("module example\n\ngo 1.26\n")
    (folder / "requirements").mkdir()
    (folder / "requirements" / "dev.txt").write_text(f"acme-client==1.4.0 \\\n    --hash=sha256:{'0' * 64}\n")
    shutil.copytree(root / "compose/native/govulncheck", folder / "compose/native/govulncheck")
    monkeypatch.setattr(builds, "STACK", ("gateway",))

    def make(go: list[dict[str, Any]], python: dict[str, Any], modified: str = NOW) -> Settings:
        env = {
            "OTELGATE_CACHE_DIR": str(settings.load().cache_dir),
            "OTELGATE_VULNERABILITIES_GO": go_database(tmp_path / "go database", go, modified).as_uri(),
            "OTELGATE_VULNERABILITIES_PYTHON": str(python_database(tmp_path / "python", python)),
        }
        return settings.load(env, folder)

    return make


@pytest.mark.starts
def test_known_vulnerabilities_are_found(
    repository: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    there = repository(
        [
            standard_library("GO-2026-0001", "strings", "Repeat", "1.999.0"),
            standard_library("GO-2026-0002", "archive/tar", "NewReader", "1.999.1"),
            standard_library("GO-2020-0003", "strings", "Repeat", "1.2.0"),  # fixed long ago
        ],
        record("Acme.Client", [{"introduced": "0"}, {"fixed": "1.3.9"}, {"introduced": "1.4"}, {"fixed": "1.4.1"}]),
    )
    status, said = run(there)
    assert status == 1
    rows = [line.split()[:6] for line in said.splitlines() if "does harm" in line]
    version = builds.golang.toolchain(there.root / "collector").split()[0].replace("go", "v")
    assert rows == [
        ["gateway", "stdlib", version, "v1.999.0", "GO-2026-0001", "yes"],
        ["gateway", "stdlib", version, "v1.999.1", "GO-2026-0002", "no"],
        ["Python", "acme-client", "1.4.0", "1.4.1", "PYSEC-2026-1", "unknown"],
    ]
    assert said.endswith("3 known vulnerabilities, 3 with a fix, 1 in code that is called\n")
    assert "warning" not in said

    status, said = run(there, as_json=True, called_only=True)
    answer = json.loads(said)
    assert set(answer) == documented()["vulnerabilities"].keys
    assert status == 1
    assert [one["id"] for one in answer["vulnerabilities"]] == ["GO-2026-0001", "PYSEC-2026-1"]
    assert answer["vulnerabilities"][0] == {
        "programs": "gateway",
        "module": "stdlib",
        "version": version,
        "fixed": "v1.999.0",
        "id": "GO-2026-0001",
        "aliases": ["CVE-2026-0001"],
        "called": "yes",
        "summary": "strings.Repeat does harm",
    }
    assert [one["setting"] for one in answer["databases"]] == [
        "OTELGATE_VULNERABILITIES_GO",
        "OTELGATE_VULNERABILITIES_PYTHON",
    ]
    assert {one["age_days"] for one in answer["databases"]} == {0}
    assert "check gateway … " in capsys.readouterr().err


def test_json_keeps_a_mirrors_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = json.dumps({"modified": NOW}).encode()
    monkeypatch.setattr(vulnerabilities, "_read", lambda source: index)
    monkeypatch.setattr(vulnerabilities, "_go", lambda *rest: [])
    monkeypatch.setattr(vulnerabilities, "_python", lambda *rest: [])
    python = python_database(tmp_path / "python", record("acme", [{"introduced": "0"}]))
    mirror = "https://me:s3cret@mirror.example/go"
    env = {"OTELGATE_VULNERABILITIES_GO": mirror, "OTELGATE_VULNERABILITIES_PYTHON": str(python)}
    status, said = run(settings.load(env), as_json=True)
    assert status == 0
    sources = [database["source"] for database in json.loads(said)["databases"]]
    assert sources == ["https://me:***@mirror.example/go", str(python)]


@pytest.mark.starts
def test_an_error_of_govulncheck_keeps_a_mirrors_password(tmp_path: Path) -> None:
    checker = tmp_path / "govulncheck"
    checker.write_text('#!/bin/sh\necho "get $2: no route" >&2\nexit 1\n')
    checker.chmod(0o755)
    with pytest.raises(CheckError, match=r"\n  get https://me:\*\*\*@mirror\.example/go: no route$"):
        vulnerabilities.govulncheck(checker, "https://me:s3cret@mirror.example/go", tmp_path, ["./..."])


@pytest.mark.starts
def test_nothing_known_ends_with_status_0_and_an_old_database_is_warned_of(
    repository: Callable[..., Settings],
) -> None:
    old = datetime.now(UTC) - timedelta(days=31)
    there = repository([], record("acme-client", [{"introduced": "1.4.1"}]), f"{old:%Y-%m-%dT%H:%M:%SZ}")
    status, said = run(there)
    assert status == 0
    assert f"last modified {old:%Y-%m-%d}, 31 days ago\nwarning: older than 30 days; " in said
    assert said.count("warning") == 1
    assert said.endswith("no known vulnerability\n")


@pytest.mark.starts
def test_unchecked_module_fails(repository: Callable[..., Settings]) -> None:
    there = repository([], record("acme-client", [{"introduced": "2"}]))
    (there.root / "collector" / "gateway" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(CheckError, match=r"(?s)^govulncheck failed in .*/collector \(exit status 1\):\n.*nonsense"):
        run(there)


def command(**env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTELGATE_")}
    return subprocess.run(
        [sys.executable, "-m", "otelgate_stack", "vulnerabilities", "--json"],
        env={**clean, **env},
        capture_output=True,
        text=True,
    )


@pytest.mark.starts
@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("/no/such/folder", "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/folder/index/db.json'"),
        ("http://me:s3cret@127.0.0.1:1/db", "ConnectError: [Errno 111] Connection refused"),
    ],
)
def test_without_a_go_database_the_status_is_2(source: str, why: str) -> None:
    done = command(OTELGATE_VULNERABILITIES_GO=source)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"error: OTELGATE_VULNERABILITIES_GO='{source.replace('s3cret', '***')}': expected the Go vulnerability"
        f" database or a copy of it, a folder or a URL below which index/db.json is ({why})",
        "nothing was looked up; docs/how-to/security.md says how to mirror a database where there is no network",
    ]


@pytest.mark.starts
def test_without_a_python_database_the_status_is_2(tmp_path: Path) -> None:
    go = go_database(tmp_path / "go", [])
    done = command(OTELGATE_VULNERABILITIES_GO=str(go), OTELGATE_VULNERABILITIES_PYTHON=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == (
        f"error: OTELGATE_VULNERABILITIES_PYTHON='{tmp_path}': expected OSV records of Python packages, a zip or its"
        f" URL, or a folder of JSON or YAML files (ValueError: {tmp_path}/go/index/modules.json is no"
        " OSV record (AttributeError: 'list' object has no attribute 'get'))"
    )


@pytest.mark.parametrize(
    ("version", "events", "versions", "concerned"),
    [
        ("1.4.0", [{"introduced": "0"}, {"fixed": "1.4.1"}], [], True),
        ("1.4.1", [{"introduced": "0"}, {"fixed": "1.4.1"}], [], False),
        ("1.4.1", [{"introduced": "0"}, {"last_affected": "1.4.1"}], [], True),
        ("1.4.2", [{"introduced": "0"}, {"last_affected": "1.4.1"}], [], False),
        ("1.9", [{"introduced": "1.10"}], [], False),  # numbers, not texts
        ("2.0", [{"introduced": "2.0"}, {"introduced": "0"}, {"fixed": "1.0"}], [], True),  # in any order
        ("1.5", [{"introduced": "2.0"}, {"introduced": "0"}, {"fixed": "1.0"}], [], False),
        ("1.5rc1", [{"introduced": "1.5"}], [], False),
        ("1.5", [{"introduced": "2.0"}], ["1.5"], True),  # listed
        ("1.5", [{"introduced": "0"}, {"fixed": "2019-09-12"}], [], True),  # rather a false alarm
        ("1.5", [{"introduced": "2019-09-12"}, {"fixed": "1.6"}], [], True),
        ("1.6", [{"introduced": "2019-09-12"}, {"fixed": "1.6"}], [], False),
    ],
)
def test_a_version_is_held_against_ranges(
    tmp_path: Path, version: str, events: list[dict[str, str]], versions: list[str], concerned: bool
) -> None:
    one = record("Acme_Client", events)
    one["affected"][0]["versions"] = versions
    records = osv_records.read(
        python_database(tmp_path / "db", one, record("other", [{"introduced": "0"}], number="P"))
    )
    assert bool(records.of("acme-client", version)) is concerned


def test_a_withdrawn_record_finds_nothing(tmp_path: Path) -> None:
    kept = record("acme", [{"introduced": "0"}], number="PYSEC-2026-2")
    folder = python_database(tmp_path / "db", record("acme", [{"introduced": "0"}], withdrawn=NOW), kept)
    assert [one["id"] for one in osv_records.read(folder).of("acme", "1")] == ["PYSEC-2026-2"]


def test_a_zip_and_yaml_say_the_same_as_json(tmp_path: Path) -> None:
    one = record("acme", [{"introduced": "0"}])
    expected = osv_records.read(python_database(tmp_path / "json", one))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("PYSEC-2026-1.json", json.dumps(one))
    (tmp_path / "yaml" / "acme").mkdir(parents=True)
    (tmp_path / "yaml" / "acme" / "PYSEC-2026-1.yaml").write_text(yaml.safe_dump(one))
    assert osv_records.read(tmp_path / "all.zip") == expected
    assert osv_records.read((tmp_path / "all.zip").read_bytes()) == expected
    assert osv_records.read(tmp_path / "yaml") == expected


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"neither zip nor folder", "^File is not a zip file$"),
        (None, "^no record of a package of PyPI is in it$"),
    ],
)
def test_read_without_records_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        osv_records.read(tmp_path if content is None else content)


@pytest.mark.starts
def test_pip_audit_asks_loopback_without_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "elsewhere.example")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"acme==1.4.0 \\\n    --hash=sha256:{'0' * 64}\n")
    records = osv_records.read(python_database(tmp_path / "db", record("acme", [{"introduced": "0"}])))
    assert [one.id for one in vulnerabilities.pip_audit(lock, records)] == ["PYSEC-2026-1"]


@pytest.mark.starts
def test_unreadable_lock_fails(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("acme\n")
    records = osv_records.read(python_database(tmp_path / "db", record("acme", [{"introduced": "0"}])))
    with pytest.raises(CheckError, match=r"^pip-audit failed \(exit status 1\):\n"):
        vulnerabilities.pip_audit(lock, records)
