"""Every command that a page shows is run, here or in a test that is named; and links and sections lead somewhere.

In docs/how-to/troubleshooting.md and docs/tutorial/first-agent.md a block `sh` is followed by a block `text`: each of
its lines (… for anything) is in what the commands print. A command ends with status 0, or with what its comment says:
`# exit 1`. A heading's name in backquotes is what is broken first.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from operations_stack import Operated
from otelgate_grafana import main
from otelgate_stack import settings
from waiting import until

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))


@dataclass(frozen=True)
class Section:
    title: str
    commands: tuple[str, ...]
    says: tuple[str, ...]

    @property
    def broken(self) -> str:
        found = re.search(r": `([^`]+)`$", self.title)
        return found[1] if found else ""


def sections(name: str) -> list[Section]:
    page = (ROOT / name).read_text()
    found = []
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        blocks = {kind: text.splitlines() for kind, text in re.findall(r"^```(sh|text)\n(.*?)^```", part, re.M | re.S)}
        lines = re.sub(r" \\\n\s*", " ", "\n".join(blocks.get("sh", ()))).splitlines()
        found.append(Section(part.splitlines()[0], tuple(lines), tuple(blocks.get("text", ()))))
    return found


def run(command: str, stack: Operated, folder: Path = ROOT) -> tuple[int, str]:
    """As a reader would type it, but with this Python, this stack's ports for the usual ones, and files in `folder`."""
    make = f"make -C {ROOT} --no-print-directory -o .venv/ready BIN={Path(sys.executable).parent} "
    typed = re.sub(r"\bmake ", make, command)
    typed = typed.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    typed = typed.replace(".otelgate/", f"{stack.settings.state_dir}/")
    usual, ours = settings.load({}).ports(), stack.settings.ports()
    ports = {str(usual[name]): str(ours[name]) for name in usual}
    typed = re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: ports[port[0]], typed)
    rooms = ":".join(str(ROOT / room) for room in ("sdk", "compose", "audit", "grafana"))
    done = subprocess.run(
        ["bash", "-c", typed],
        cwd=folder,
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
    change = "UPDATE audit.turns SET input_tokens = input_tokens + %s WHERE service = 'otelgate-doctor'"
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
    Alertmanager got an alert."""
    running.good("doctor")
    assert until(lambda: running.prometheus.query('up{job="prometheus"} == 1'), deadline_s=180)
    assert until(lambda: "Watchdog" in running.good("tool", "amtool", "alert", "query"), deadline_s=180)
    return running


@pytest.mark.shows("F22", "K59")
@pytest.mark.parametrize("section", sections("docs/how-to/troubleshooting.md"), ids=lambda section: section.title)
def test_troubleshooting(doctored: Operated, section: Section) -> None:
    assert section.commands
    printed = ""
    with broken(section.broken, doctored):
        for command in section.commands:
            expected = re.search(r"# exit (\d+)", command)
            status, output = run(command, doctored)
            assert status == (int(expected[1]) if expected else 0), f"{command}: {output[-2000:]}"
            printed += output
    missing = unsaid(section, printed)
    assert missing == [], printed[-3000:]


def unsaid(section: Section, printed: str) -> list[str]:
    """The lines of a section's `text` that the commands did not print."""
    patterns = {
        line: ".*".join(r"\s+".join(map(re.escape, part.split())) for part in line.split("…")) for line in section.says
    }
    return [line for line, pattern in patterns.items() if not re.search(pattern, printed)]


def unlike(section: Section, stack: Operated) -> str:
    """The output of a section's commands if one failed or did not print what the section shows, else nothing."""
    results = [run(command, stack) for command in section.commands]
    printed = "".join(output for _, output in results)
    return printed[-3000:] if any(status for status, _ in results) or unsaid(section, printed) else ""


@pytest.mark.slow
def test_follow_the_tutorial_shows_its_output(doctored: Operated) -> None:
    """In the order of its sections; `See …` is repeated, since a store needs some seconds."""
    for section in sections("docs/tutorial/first-agent.md"):
        deadline_s = 180 if section.title.startswith("See ") else 0
        output = until(partial(unlike, section, doctored), lambda text: not text, deadline_s=deadline_s)
        assert output == "", section.title


RUN = {
    "make status": "gateway",
    "make doctor": "",
    "make logs SERVICE=gateway": "",
    "make logs SERVICE=audit": "",
    "make logs SERVICE=keeper": "",
    "make logs SERVICE=postgres": "",
    "make logs SERVICE=prometheus": "",
    "make audit-verify": "",
    "make up": "",
    "make deploy ARGS=--check": "^all there: make deploy$",
    "make deploy": "",
    "make annotate EVENT=deployment VERSION=1.4.2 SERVICE=osool": r"osool 1\.4\.2",
    "make annotate EVENT=change VERSION=0.2.0": r"change … .*otelgate 0\.2\.0",
    'make amtool ARGS="alert query"': "Watchdog",
    "make sizing ARGS=--json > before.json": "",
    ".venv/bin/python -m otelgate_grafana --check": "",
    "make coverage-report": "",
    "make coverage-report ARGS=--json": r"^\s*[\[{]",
    "openssl rand -hex 32 > token && chmod 600 token": "",
    'make token APPLICATION=shop SERVICE="shop-*"': r"token_sha256: \[[0-9a-f]{64}\]",
    'export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20$(cat token)"': "",
}
"""Commands, without their comments, and what they print."""
ELSEWHERE = {
    r"make (test|coverage-report ARGS=--strict).*": "they run tests, or need what all tests have shown",
    r"make demo": "tests/operations/test_operations_running.py",
    r"make example .*": "tests/examples, for as long as they need",
    r"make dashboards|.*otelgate_console\.commands\.ask --window 7d": "tests/grafana",
    r"make promtool ARGS=\"test rules .*": "tests/grafana",
    r"make (backup|restore) .*": "tests/operations/test_operations_backup.py, in separate folders",
    r"make down( && make up)?|OTELGATE_TRACES_TO=jaeger make up": "tests/operations/test_operations_swap.py",
    r"make sbom TO=dist/sbom": "tests/stack/test_sbom.py, of two programs",
    r"make vulnerabilities": "tests/stack/test_vulnerabilities.py, with its own databases",
    r"git pull .*": "it would fetch another version of these sources",
    r"OTELGATE_HOST=0\.0\.0\.0 .*": "tests/e2e/test_closed.py: a certificate and a token",
    r"OTELGATE_FEEDBACK_ORIGINS=.*|curl .*": "tests/examples/test_bestbox.py, tests/audit/feedback/test_feedback.py",
    r"export OTEL_.* OTEL_.*|export OTEL_SEMCONV_.*|export DATABASE_URL=.*|\.venv/bin/opentelemetry-instrument .*": (
        "tests/examples/test_by_hand.py"
    ),
    r"make sizing ARGS=\"--seconds 60 .*": "tests/operations/test_operations_running.py, in less than its minute",
    r"pip install (\.|openinference-.*)": "tests/providers, in separate environments",
    r"export OTEL_(SERVICE_NAME|EXPORTER_OTLP_ENDPOINT|EXPORTER_OTLP_CERTIFICATE)=.*|opentelemetry-instrument .*": (
        "tests/sdk/test_sdk_zero_code.py, as separate settings and programs"
    ),
}
"""Commands that are not run here, and by which test they are, or why by none."""
OWN_TESTS = ("docs/how-to/troubleshooting.md", "docs/how-to/alerting.md", "docs/tutorial/first-agent.md")


def commands(page: str) -> list[str]:
    """Those of a page's `sh` blocks, continued lines as one, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return [re.sub(r"\s+# .*", "", line).strip() for line in lines]


def shown() -> list[str]:
    """The commands of all pages, each once, in the order of the pages."""
    pages = [page for page in sorted(ROOT.rglob("*.md")) if not {".venv", "node_modules"} & set(page.parts)]
    own = {ROOT / page for page in OWN_TESTS}
    return list(dict.fromkeys(each for page in pages if page not in own for each in commands(page.read_text())))


def test_each_command_of_a_page_is_run_or_says_why_not() -> None:
    unknown = [
        each for each in shown() if each not in RUN and not any(re.fullmatch(known, each) for known in ELSEWHERE)
    ]
    assert unknown == []
    assert [each for each in RUN if each not in shown()] == []
    named = [ROOT / name for reason in ELSEWHERE.values() for name in re.findall(r"tests/[\w/.]*\w", reason)]
    assert [name for name in named if not name.exists()] == []
    assert [known for known in ELSEWHERE if not any(re.fullmatch(known, each) for each in shown())] == []


@pytest.mark.slow
def test_commands_of_pages_do_what_they_say(doctored: Operated, tmp_path: Path) -> None:
    """In the order of the pages: some need the file that one before made."""
    for command in shown():
        if command in RUN:
            status, output = run(command, doctored, tmp_path)
            assert status == 0, f"{command}: {output[-2000:]}"
            assert re.search(RUN[command], output, re.MULTILINE), f"{command}: {output[-2000:]}"


def anchors(page: str) -> set[str]:
    """GitHub's, of the headings."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.shows("F18", "K54")
@pytest.mark.parametrize("name", PAGES)
def test_sections_that_are_linked_exist(name: str) -> None:
    page = ROOT / name
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text()), f"{target}#{anchor}"


@pytest.mark.shows("F17", "F18")
def test_playbook_names_existing_dashboards() -> None:
    page = (ROOT / "docs/how-to/operations.md").read_text()
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
