"""OSV records of Python packages, from a zip or a folder, and the API of OSV over them, on loopback, for pip-audit.

pip-audit asks an OSV API about each package, but a mirror is files: OSV's own zip, or PyPA's advisory-database.
"""

import io
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Record = dict[str, Any]
_ECOSYSTEM = "PyPI"


@dataclass
class Records:
    """The records by package, and when the newest of them was last modified."""

    modified: datetime
    by_package: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def of(self, name: str, version: str) -> list[Record]:
        """The records that say that this version of the package is vulnerable."""
        package = canonicalize_name(name)
        return [record for record in self.by_package.get(package, ()) if _concerns(record, package, version)]


def read(source: Path | bytes) -> Records:
    """From a folder of JSON and YAML files at any depth, or a zip of JSON files. Raises ValueError, saying which."""
    records = Records(datetime.fromtimestamp(0, UTC))
    for name, text in _files(source):
        try:
            # Texts and no types, as in JSON: YAML would make times of what looks like one.
            record = json.loads(text) if name.endswith(".json") else yaml.load(text, Loader=yaml.CBaseLoader)
            _add(records, record)
        except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise ValueError(f"{name} is no OSV record ({type(error).__name__}: {error})") from None
    if not records.by_package:
        raise ValueError(f"no record of a package of {_ECOSYSTEM} is in it")
    return records


def _files(source: Path | bytes) -> Iterator[tuple[str, bytes]]:
    if isinstance(source, Path) and source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.suffix in (".json", ".yaml") and file.is_file():
                yield str(file), file.read_bytes()
        return
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield name, archive.read(name)
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None


def _add(records: Records, record: Record) -> None:
    packages = set()
    for affected in record.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") == _ECOSYSTEM:
            # As pip-audit spells it when it looks for the fixed version.
            package["name"] = canonicalize_name(package["name"])
            packages.add(package["name"])
            for part in affected.get("ranges", ()):
                part["events"] = [*_comparable(part["events"])]
    if packages:
        records.modified = max(records.modified, datetime.fromisoformat(record["modified"]))
    for package in packages if "withdrawn" not in record else ():
        records.by_package[package].append(record)


def _concerns(record: Record, package: str, version: str) -> bool:
    """OSV's own rule: the version is listed, or in one of the ranges."""
    for affected in record["affected"]:
        if affected.get("package", {}).get("name") != package:
            continue
        ranges = [part for part in affected.get("ranges", ()) if part["type"] == "ECOSYSTEM"]
        if version in affected.get("versions", ()) or any(_is_affected(part["events"], version) for part in ranges):
            return True
    return False


def _is_affected(events: list[Mapping[str, str]], version: str) -> bool:
    here, inside = Version(version), False
    for at, kind in sorted((_version(text), kind) for event in events for kind, text in event.items()):
        if kind == "introduced":
            inside = inside or here >= at
        elif kind == "fixed":
            inside = inside and here < at
        elif kind == "last_affected":
            inside = inside and here <= at
    return inside


def _comparable(events: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """A start that is no version of Python's becomes 0, such an end is left out: rather a false alarm than none."""
    for event in events:
        for kind, text in event.items():
            try:
                _version(text)
            except InvalidVersion:
                if kind == "introduced":
                    yield {kind: "0"}
            else:
                yield {kind: text}


def _version(text: str) -> Version:
    return Version("0.dev0" if text == "0" else text)  # 0 comes before all


@contextmanager
def served(records: Records) -> Iterator[str]:
    """The URL on loopback where OSV's query for one version of one package is answered."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = records.of(query["package"]["name"], query["version"])
            answer = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        finally:
            server.shutdown()
