"""`make attack`: the attacks of tests/attacks.yaml, tried again on this machine's loopback, as a table.

It takes a few minutes.

Exit status: 0 all mitigated; 1 one was not, or a test is missing.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import junit
import yaml
from run_report import MEASURED

ROWS: Final = Path(__file__).parent / "attacks.yaml"
PAGE: Final = junit.ROOT / "docs" / "how-to" / "security.md"
_GO_ENDED: Final = re.compile(r"^--- (PASS|FAIL|SKIP): (\w+) \(", re.MULTILINE)
_GO_MEASURED: Final = re.compile(rf"{MEASURED}: (.+)")
_TABLE: Final = re.compile(r"(?<=<!-- attacks -->\n).*?(?=<!-- /attacks -->)", re.DOTALL)


@dataclass(frozen=True)
class Attack:
    """A row of attacks.yaml. `tests`: files and tests of pytest, and `folder:Test` for Go's."""

    attack: str
    before: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Tried:
    """The result of a test: of pytest's with one set of parameters, or of Go's."""

    test: str
    passed: bool
    measured: tuple[str, ...] = ()


def read(rows: Path = ROWS) -> list[Attack]:
    return [Attack(row["attack"], row["before"], tuple(row["tests"])) for row in yaml.safe_load(rows.read_text())]


def is_go(test: str) -> bool:
    return not test.startswith("tests/")


def table(attacks: Iterable[Attack], tried: Sequence[Tried]) -> str:
    """The rows in Markdown; an attack none of whose tests ran is not there."""
    lines = ["| attack | before | now |", "|---|---|---|"]
    for attack in attacks:
        of_it = [each for each in tried if any(_is_of(each.test, test) for test in attack.tests)]
        if of_it:
            lines.append(f"| {attack.attack} | {attack.before} | {_now(mitigated(attack, tried), of_it)} |")
    return "\n".join(lines) + "\n"


def mitigated(attack: Attack, tried: Sequence[Tried]) -> bool:
    """Whether each of its tests ran and passed."""
    by_test = [[each for each in tried if _is_of(each.test, test)] for test in attack.tests]
    return all(of_it and all(each.passed for each in of_it) for of_it in by_test)


def _is_of(ran: str, named: str) -> bool:
    return ran == named or ran.startswith((f"{named}::", f"{named}["))


def _now(mitigated: bool, tried: Sequence[Tried]) -> str:
    passed = sum(each.passed for each in tried)
    said = [f"{'mitigated' if mitigated else '**not mitigated**'}: {passed} of {len(tried)} tests passed"]
    return "; ".join(said + [each for test in tried for each in test.measured])


def _pytest(tests: Sequence[str]) -> list[Tried]:
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-m", "pytest", "--dist", "loadfile", "-n", "3", f"--junit-xml={report.name}"]
        subprocess.run([*command, *tests], cwd=junit.ROOT, stdout=sys.stderr, check=False)
        run = junit.read_file(Path(report.name))
    return [
        Tried(test.id, test.outcome == "passed", tuple(value for name, value in test.properties if name == MEASURED))
        for test in run.tests
    ]


def go_ended(printed: str) -> dict[str, bool]:
    """Whether each test of `go test -v` passed; those within one are part of it."""
    return {name: state == "PASS" for state, name in _GO_ENDED.findall(printed)}


def _go(folder: str, tests: Sequence[str]) -> list[Tried]:
    names = [test.partition(":")[2] for test in tests]
    command = ["go", "test", "-trimpath", "-count=1", "-v", "-run", f"^({'|'.join(names)})$", "./"]
    answer = subprocess.run(command, cwd=junit.ROOT / folder, capture_output=True, text=True)
    ended = go_ended(answer.stdout)
    if not ended:
        print(answer.stdout + answer.stderr, file=sys.stderr)
    measured = tuple(_GO_MEASURED.findall(answer.stdout))
    return [
        Tried(f"{folder}:{name}", passed, measured if len(names) == 1 else ())
        for name, passed in ended.items()
        if name in names
    ]


def try_all(attacks: Iterable[Attack]) -> list[Tried]:
    tests = dict.fromkeys(test for attack in attacks for test in attack.tests)
    tried = []
    for folder in dict.fromkeys(test.partition(":")[0] for test in tests if is_go(test)):
        print(f"go test {folder} …", file=sys.stderr)
        tried += _go(folder, [test for test in tests if is_go(test) and test.partition(":")[0] == folder])
    if ours := [test for test in tests if not is_go(test)]:
        tried += _pytest(ours)
    return tried


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make attack ARGS=", description=__doc__)
    parser.add_argument("--only", metavar="WORD", help="the attacks whose text has this word")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(junit.ROOT)}")
    options = parser.parse_args(arguments)
    if options.only and options.write:
        parser.error("--write: expected no --only, the page has all attacks")
    attacks = [each for each in read() if not options.only or options.only in each.attack]
    if not attacks:
        parser.error(f"--only={options.only!r}: expected a word of an attack in {ROWS.name}")
    tried = try_all(attacks)
    made = table(attacks, tried)
    print(made)
    if not all(mitigated(each, tried) for each in attacks):
        return 1
    if options.write:
        PAGE.write_text(_TABLE.sub(lambda _: made, PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
