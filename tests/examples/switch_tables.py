"""The tables of switches in the examples' READMEs: what each is said to make fire."""

import re
from pathlib import Path

from examples.common import traffic

_ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", re.M)
_ALERT = re.compile(r"(\w+) \((L\d+)\)")


def of(root: Path, app: str) -> dict[str, dict[str, str]]:
    """Switch -> the alerts that it fires, by name, with their row of the master list."""
    text = (root / "examples" / app / "README.md").read_text()
    _, _, table = text.partition("| `FAULT=` | what happens | alert |\n|---|---|---|\n")
    return {switch: dict(_ALERT.findall(alerts)) for switch, alerts in _ROW.findall(table.partition("\n\n")[0])}


def services() -> dict[str, str]:
    """Application -> its service.name."""
    return {app: traffic.load(app).service for app in traffic.APPS}
