"""The pages for operators: every command in docs/troubleshooting.md is run, and links and sections lead somewhere.

A block `sh` is followed by a block `text`: each of its lines (… for anything) is in what the commands print. A command
ends with status 0, or with what its comment says: `# exit 1`. A heading's name in backquotes is what is broken first.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from operations_stack import Operated
from otelgate_grafana import main
from otelgate_stack import settings
from waiting import until

ROOT = Path(__file__).parents[2]
PAGES = ("operations", "roadmap", "security", "sizing", "troubleshooting")


@dataclass(frozen=True)
class Section:
    title: str
    commands: tuple[str, ...]
    says: tuple[str, ...]

    @property
    def broken(self) -> str:
        found = re.search(r": `([^`]+)`$", self.title)
        return found[1] if found else ""


def sections() -> list[Section]:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    found = []
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        blocks = {kind: text.splitlines() for kind, text in re.findall(r"^```(sh|text)\n(.*?)^```", part, re.M | re.S)}
        found.append(Section(part.splitlines()[0], tuple(blocks.get("sh", ())), tuple(blocks.get("text", ()))))
    return found


def run(command: str, stack: Operated) -> tuple[int, str]:
    """As a reader would type it, but with this Python, and this stack's ports for the usual ones."""
    typed = command.replace("make ", f"make -o .venv/ready BIN={Path(sys.executable).parent} ")
    typed = typed.replace(".venv/bin/python", sys.executable)
    usual, ours = settings.load({}).ports(), stack.settings.ports()
    ports = {str(usual[name]): str(ours[name]) for name in usual}
    typed = re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: ports[port[0]], typed)
    rooms = ":".join(str(ROOT / room) for room in ("sdk", "compose", "audit", "grafana"))
    done = subprocess.run(
        ["bash", "-c", typed],
        cwd=ROOT,
        env={**stack.env, "PYTHONPATH": rooms},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    # make turns every failure of a command into 2, and says which it was.
    status = re.search(r"^make: \*\*\* .* Error (\d+)$", done.stdout, re.M)
    return int(status[1]) if status else done.returncode, done.stdout


@contextmanager
def stopped(stack: Operated, service: str) -> Iterator[None]:
    stack.engine.stop(service)
    try:
        yield
    finally:
        stack.engine.start(service)


@contextmanager
def a_row_edited(stack: Operated) -> Iterator[None]:
    change = "UPDATE audit.conversations SET input_tokens = input_tokens + %s WHERE service = 'otelgate-doctor'"
    password = stack.settings.database_password
    assert password is not None
    with psycopg.connect(stack.settings.database, password=password.read_text().strip(), autocommit=True) as connection:
        assert connection.execute(change.encode(), [1]).rowcount > 0
        try:
            yield
        finally:
            connection.execute(change.encode(), [-1])


def broken(name: str, stack: Operated) -> AbstractContextManager[None]:
    if name == "a row edited":
        return a_row_edited(stack)
    return stopped(stack, name.removesuffix(" stopped")) if name else nullcontext()


@pytest.fixture(scope="module")
def doctored(running: Operated) -> Operated:
    """The stack, with what the doctor's canaries leave in it, some seconds old: Prometheus has asked its targets, and
    Alertmanager was told of an alert."""
    running.good("doctor")
    assert until(lambda: running.prometheus.query('up{job="prometheus"} == 1'), deadline_s=180)
    assert until(lambda: "Watchdog" in running.good("tool", "amtool", "alert", "query"), deadline_s=180)
    return running


@pytest.mark.shows("F22", "K59")
@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_troubleshooting(doctored: Operated, section: Section) -> None:
    assert section.commands
    printed = ""
    with broken(section.broken, doctored):
        for command in section.commands:
            expected = re.search(r"# exit (\d+)", command)
            status, output = run(command, doctored)
            assert status == (int(expected[1]) if expected else 0), f"{command}: {output[-2000:]}"
            printed += output
    for line in section.says:
        pattern = ".*".join(r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
        assert re.search(pattern, printed), f"{line}\n---\n{printed[-3000:]}"


def anchors(page: str) -> set[str]:
    """GitHub's, of the headings."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.shows("F18", "K54")
@pytest.mark.parametrize("name", PAGES)
def test_sections_that_are_linked_exist(name: str) -> None:
    page = ROOT / "docs" / f"{name}.md"
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text()), f"{target}#{anchor}"


@pytest.mark.shows("F17", "F18")
def test_the_playbook_speaks_of_dashboards_that_exist() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    titles = {dashboard.title for dashboard in main.DASHBOARDS}
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", page))
    assert len(named) >= 6
    assert named <= titles
    rhythm = [
        "Every day, 5 minutes",
        "Monday, 30 minutes",
        "Friday, 15 minutes",
        "Every month, 2 hours",
        "Every quarter",
    ]
    assert [title for title in (*rhythm, "On call", "Incident") if not re.search(f"^##+ {title}$", page, re.M)] == []
