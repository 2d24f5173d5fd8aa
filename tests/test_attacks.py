"""The attacks that `make attack` tries: each names tests that are there, and the page has them all."""

import re
from pathlib import Path

import attack_report
import pytest
from attack_report import Attack, Tried


@pytest.mark.parametrize("attack", attack_report.read(), ids=lambda attack: attack.attack)
def test_attacks_name_existing_tests(attack: Attack, root: Path) -> None:
    assert attack.tests
    for test in attack.tests:
        place, _, name = test.partition(":" if attack_report.is_go(test) else "::")
        if attack_report.is_go(test):
            assert any(f"func {name}(" in file.read_text() for file in (root / place).glob("*_test.go")), test
        else:
            function = name.partition("[")[0]
            assert not name or re.search(rf"^(async )?def {function}\(", (root / place).read_text(), re.MULTILINE), test
            assert (root / place).exists()


def test_the_page_has_every_attack() -> None:
    page = attack_report.PAGE.read_text()
    table = page.partition("<!-- attacks -->\n")[2].partition("<!-- /attacks -->")[0]
    rows = [line.split(" | ")[:2] for line in table.splitlines()[2:]]
    assert rows == [[f"| {each.attack}", each.before] for each in attack_report.read()]
    assert "not mitigated" not in table


ATTACK = Attack("a flood", "it stopped", ("tests/a.py", "tests/b.py::test_x", "collector/y:TestY"))
PASSED = [Tried("tests/a.py::test_1[x]", True, ("7 MiB",)), Tried("tests/b.py::test_x[1]", True)]


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ([*PASSED, Tried("collector/y:TestY", True)], True),
        ([*PASSED, Tried("collector/y:TestY", False)], False),
        (PASSED, False),
        ([*PASSED, Tried("collector/y:TestYes", True)], False),
    ],
    ids=["all passed", "one failed", "one did not run", "another ran"],
)
def test_an_attack_is_held_when_each_of_its_tests_passed(tried: list[Tried], expected: bool) -> None:
    assert attack_report.mitigated(ATTACK, tried) == expected


def test_a_row_says_what_was_measured_and_what_failed() -> None:
    tried = [*PASSED, Tried("collector/y:TestY", False), Tried("tests/c.py::test_z", True)]
    assert attack_report.table([ATTACK, Attack("another", "", ("tests/d.py",))], tried).splitlines()[2:] == [
        "| a flood | it stopped | **not mitigated**: 2 of 3 tests passed; 7 MiB |"
    ]


def test_row_without_a_run_of_each_test_is_not_mitigated() -> None:
    assert attack_report.table([ATTACK], PASSED).splitlines()[2:] == [
        "| a flood | it stopped | **not mitigated**: 2 of 2 tests passed; 7 MiB |"
    ]


def test_a_go_test_fails_with_one_of_its_parts() -> None:
    printed = [
        "--- FAIL: TestX (0.01s)",
        "    --- FAIL: TestX/a (0.00s)",
        "    --- PASS: TestX/b (0.00s)",
        "--- PASS: TestY (1s)",
    ]
    assert attack_report.go_ended("\n".join(printed)) == {"TestX": False, "TestY": True}
