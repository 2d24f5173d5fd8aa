"""Tests side by side: those of a group really run in one process, and no other waits for a long one."""

import re
from pathlib import Path

import pytest
import side_by_side
from nested_pytest import passing_run


def test_what_is_named_is_there(root: Path) -> None:
    for name in (*side_by_side.ALONE, *side_by_side.WAITING):
        file, _, test = name.partition("::")
        assert test.partition("[")[0] in (root / file).read_text(), name
    assert [folder for folder in side_by_side.FOLDERS if not (root / "tests" / folder).is_dir()] == []


def processes(root: Path, tmp_path: Path, number: int, files: dict[str, int]) -> dict[str, set[str]]:
    """Which processes run the tests of each file, when each has so many; all of them pass."""
    for file, tests in files.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"def test_{each}() -> None: ...\n" for each in range(tests)))
    (tmp_path / "tests/conftest.py").write_text('pytest_plugins = ["side_by_side"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-v", "-n", f"{number}", "--dist", "loadscope", "--no-loadscope-reorder", "tests"]
    printed = passing_run(root, tmp_path, *options)
    ran = re.findall(r"^\[(gw\d)\] .* PASSED (tests/\S+)::", printed, re.MULTILINE)
    assert len(ran) == sum(files.values())
    return {file: {process for process, name in ran if name == file} for file in files}


def test_a_group_runs_in_one_process(root: Path, tmp_path: Path) -> None:
    """Of three groups and two processes, each has one process."""
    names = [f"tests/{folder}/test_{folder}_{name}.py" for folder in ("audit", "stack") for name in ("one", "two")]
    ran = processes(root, tmp_path, 2, dict.fromkeys([*names, side_by_side.ALONE[0]], 3))
    assert ran[names[0]] == ran[names[1]]
    assert ran[names[2]] == ran[names[3]]
    assert {len(each) for each in ran.values()} == {1}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nothing_waits_for_a_long_one(root: Path, tmp_path: Path, number: int) -> None:
    """Each long one has a process to itself, if there are as many and one for the rest."""
    long = [name for name in side_by_side.WAITING if "::" not in name][:2]
    rest = [
        "tests/audit/test_one.py",
        "tests/grafana/test_two.py",
        "tests/sdk/test_three.py",
        "tests/stack/test_four.py",
    ]
    ran = processes(root, tmp_path, number, {**dict.fromkeys(long, 1), **dict.fromkeys(rest, 2)})
    own = [ran[name] for name in long]
    if number == 3:
        assert len(set.union(*own)) == 2
        assert len(set.union(*(ran[name] for name in rest))) == 1
        assert not set.union(*own) & set.union(*(ran[name] for name in rest))
