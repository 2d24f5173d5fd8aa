"""Imports go one way: no circles, layers as pyproject.toml has them, and no private name of another module."""

import ast
import graphlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

_OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    return found


def lint(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages that are imported in this folder by the contracts of pyproject.toml."""
    command = [Path(sys.executable).with_name("lint-imports"), root / "pyproject.toml", "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def circle(package: str) -> list[str]:
    """Modules that import each other in a circle, those of `__init__.py` among them; none if there is no circle."""
    graph = grimp.build_graph(package, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imported).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def private_names(folder: Path, packages: Collection[str] = ()) -> Iterator[str]:
    """`_names` that a module of a package takes from another module of this one or of these packages."""
    ours = {folder.name, *packages}
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text())
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] in ours):
                imported |= {each.asname or each.name for each in node.names}
                base = file.parents[node.level - 1] if node.level else folder.parent
                origin = base.joinpath(*(node.module or "").split("."))
                for each in node.names:
                    if _private(each.name) and not (origin / f"{each.name}.py").exists():
                        yield f"{file.relative_to(folder)}:{node.lineno} {each.name}"
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in imported
                and _private(node.attr)
            ):
                yield f"{file.relative_to(folder)}:{node.lineno} {node.value.id}.{node.attr}"


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _OF_NAMED_TUPLES


def test_imports_follow_the_contracts(root: Path) -> None:
    checked = lint(root, root)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_modules_import_in_no_circle(config: dict[str, Any]) -> None:
    assert {each: circle(each) for each in config["root_packages"]} == {each: [] for each in config["root_packages"]}


def test_modules_take_no_private_names_of_others(config: dict[str, Any]) -> None:
    found = {package: importlib.util.find_spec(package) for package in config["root_packages"]}
    folders = {package: Path(spec.origin).parent for package, spec in found.items() if spec and spec.origin}
    assert {package: list(private_names(folder, found)) for package, folder in folders.items()} == {
        each: [] for each in found
    }


@pytest.fixture
def small(config: dict[str, Any], tmp_path: Path) -> Path:
    """A folder with packages of the same names and layers, all empty."""
    modules = set(config["root_packages"])
    for contract in config["contracts"]:
        for layer in contract.get("layers", ()):
            modules |= {f"{inside}/{name.strip()}" for inside in contract["containers"] for name in layer.split("|")}
    for module in modules:
        (tmp_path / module).mkdir(parents=True, exist_ok=True)
        (tmp_path / module / "__init__.py").touch()
    return tmp_path


def test_empty_packages_follow_the_contracts(root: Path, small: Path) -> None:
    checked = lint(root, small)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_examples_import_their_package_of_the_stack_alone(root: Path, small: Path) -> None:
    for name, text in {
        "common/run.py": "from otelgate_stack import examples",
        "common/cache.py": "from otelgate_stack.build import debian",
        "common/server.py": "from otelgate_audit import hosts",
        "shop/run.py": "import otelgate_stack.examples",
    }.items():
        (small / "examples" / name).parent.mkdir(exist_ok=True)
        (small / "examples" / name).with_name("__init__.py").touch()
        (small / "examples" / name).write_text(text)
    broken = lint(root, small).stdout.partition("Broken contracts")[2]
    assert set(re.findall(r"(examples[.\w]+) -> (\w+)", broken)) == {
        ("examples.common.cache", "otelgate_stack"),
        ("examples.common.server", "otelgate_audit"),
        ("examples.shop.run", "otelgate_stack"),
    }


@pytest.mark.parametrize(
    ("imports", "broken"),
    [
        ({"otelgate_audit/store/a.py": "from . import b", "otelgate_audit/store/b.py": "from . import a"}, "circles"),
        (
            {
                "otelgate/one/__init__.py": "",
                "otelgate/one/a.py": "def use():\n    from ..two import a",
                "otelgate/one/b.py": "",
                "otelgate/two/__init__.py": "",
                "otelgate/two/a.py": "from ..one import b",
            },
            "circles",
        ),
        ({"otelgate_audit/model/a.py": "from .. import ledger"}, "Layers of the audit sink"),
        ({"otelgate_audit/jobs/a.py": "from otelgate_audit import verify"}, "Layers of the audit sink"),
        ({"otelgate_audit/lost/__init__.py": ""}, "otelgate_audit.lost"),
    ],
    ids=["modules in a circle", "folders in a circle", "upwards", "sideways", "a folder without a layer"],
)
def test_wrong_imports_break_the_contracts(root: Path, small: Path, imports: dict[str, str], broken: str) -> None:
    for name, text in imports.items():
        (small / name).parent.mkdir(exist_ok=True)
        (small / name).write_text(text)
    checked = lint(root, small)
    assert checked.returncode == 1
    assert broken in checked.stdout.partition("Broken contracts")[2]


def test_a_circle_through_a_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring/__init__.py").write_text("from .inner import name")
    (tmp_path / "ring/inner.py").write_text("from . import other\nname = 1\nfrom ring import name as same")
    (tmp_path / "ring/other.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert set(circle("ring")) == {"ring", "ring.inner"}


def test_private_names_of_others_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "one.py").write_text("_hidden = 1\nshown = 2\n")
    (folder / "_two.py").write_text("from .one import _hidden, shown\nfrom . import one\nprint(one._hidden, _hidden)\n")
    (folder / "four.py").write_text("from . import _two\nfrom own.one import shown\nprint(_two, shown._fields)\n")
    (folder / "other.py").write_text("from near import _far\nfrom strange import _name\n")
    found = ["_two.py:1 _hidden", "_two.py:3 one._hidden", "other.py:1 _far"]
    assert list(private_names(folder, ["near"])) == found
