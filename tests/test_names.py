"""Names of attributes, events and metrics are spelt once in Python: in sdk/otelgate/names.py."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from otelgate import names

HOME = Path("sdk/otelgate/names.py")
ROOMS = ("sdk/otelgate", "audit/otelgate_audit", "compose", "grafana/otelgate_grafana", "examples", "benchmarks")
OURS = re.compile(r"(gen_ai|otelgate)\.[a-z0-9_]+(\.[a-z0-9_]+)*")
"""A literal that is such a name whole; queries and messages are longer."""

KNOWN = {
    value
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str) and "." in value.strip(".")
}


def literals(file: Path) -> Iterator[str]:
    """The texts that a module spells, also those in bytes."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode(errors="replace")


def spelt_again(root: Path) -> dict[str, set[str]]:
    """Name -> modules that spell it though names.py has it, or though another module spells it, too."""
    found = defaultdict[str, set[str]](set)
    for file in (file for room in ROOMS for file in (root / room).rglob("*.py")):
        path = file.relative_to(root)
        if path == HOME:
            continue
        for text in literals(file):
            if text in KNOWN or OURS.fullmatch(text):
                found[text].add(str(path))
    return {text: places for text, places in found.items() if text in KNOWN or len(places) > 1}


def test_production_code_spells_each_name_once(root: Path) -> None:
    assert spelt_again(root) == {}


def test_a_name_spelt_again_is_found(tmp_path: Path) -> None:
    for place, text in {
        "sdk/otelgate/names.py": 'SESSION_ID = "session.id"',
        "audit/otelgate_audit/one.py": 'a = b"session.id"\nb = "otelgate.new.name"\nc = "otelgate.own"',
        "examples/two.py": 'a = {"otelgate.new.name": 1}\nb = "SELECT 1 WHERE span.session.id"',
    }.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    assert spelt_again(tmp_path) == {
        "session.id": {"audit/otelgate_audit/one.py"},
        "otelgate.new.name": {"audit/otelgate_audit/one.py", "examples/two.py"},
    }
