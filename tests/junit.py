"""The JUnit files that runs of pytest leave in .reports/: where they go, which code they are about, what they say.

    pytest $(python tests/junit.py)      prints the options that leave such a file

The name of the file's test suite is an id of the code that was tested.
"""

import hashlib
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ".reports"
_KEPT: Final = 50


@dataclass(frozen=True)
class Test:
    """One test of a run: `outcome` is passed, failed or skipped; `seconds` include its fixtures' set-up and teardown.

    `properties`: name and value of each thing that it recorded (`record_property`, `@pytest.mark.shows`).
    """

    id: str
    outcome: str
    seconds: float
    properties: tuple[tuple[str, str], ...]

    @property
    def file(self) -> str:
        return self.id.partition("::")[0]


@dataclass(frozen=True)
class Run:
    """One run of pytest: when it began (Unix seconds), how long it took, and its tests."""

    code: str
    at: float
    seconds: float
    tests: tuple[Test, ...]


def code(root: Path) -> str:
    """An id of all files that git knows of or would add, but Markdown: the same code is the same id. Empty: no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True
    )
    if listed.returncode:
        return ""
    digest = hashlib.sha256()
    for name in sorted({name for name in listed.stdout.decode().split("\0") if name and not name.endswith(".md")}):
        path = root / name
        if path.is_file():
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def options(root: Path) -> list[str]:
    """Options that make pytest write a file that `read` finds; the oldest files are removed."""
    folder = root / FOLDER
    for old in sorted(folder.glob("*.xml"))[: -_KEPT + 1]:
        old.unlink(missing_ok=True)
    return [f"--junit-xml={folder / f'{time.time():.3f}.xml'}", "-o", f"junit_suite_name={code(root)}"]


def read(root: Path) -> list[Run]:
    """All runs, the oldest first. Raises ElementTree.ParseError for a file that is not XML."""
    return [read_file(path) for path in sorted((root / FOLDER).glob("*.xml"))]


def read_file(path: Path) -> Run:
    """One run. Raises ElementTree.ParseError for a file that is not XML."""
    (suite,) = ElementTree.parse(path).getroot().iter("testsuite")
    at = datetime.fromisoformat(suite.attrib["timestamp"]).timestamp()
    # A run that pytest itself broke off has a case of no file.
    tests = tuple(_test(case) for case in suite.iter("testcase") if "file" in case.attrib)
    return Run(suite.attrib["name"], at, float(suite.attrib["time"]), tests)


def _test(case: ElementTree.Element) -> Test:
    ended = {child.tag for child in case}
    outcome = "failed" if ended & {"failure", "error"} else "skipped" if "skipped" in ended else "passed"
    properties = tuple((each.attrib["name"], each.attrib["value"]) for each in case.iter("property"))
    return Test(f"{case.attrib['file']}::{case.attrib['name']}", outcome, float(case.attrib["time"]), properties)


if __name__ == "__main__":
    print(*options(ROOT))
    sys.exit()
