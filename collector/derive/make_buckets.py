"""Writes the buckets of durations into sdk/otelgate/names.py: the SDK works without the gateway's files.

`make generate` runs it. With --check it writes nothing; exit status 1 if the part differs.
"""

import sys
from pathlib import Path
from typing import Final

import yaml
from generated import ROOT, Marked, formatted, write

SOURCE: Final = ROOT / "collector/derive/metrics.yaml"
PAGE: Final = ROOT / "sdk/otelgate/names.py"


def outputs() -> dict[Path, str]:
    bounds = tuple(map(float, yaml.safe_load(SOURCE.read_text())["buckets"]["duration"]))
    page = Marked(PAGE.read_text())
    doc = '"""Buckets of durations, s: `duration` of collector/derive/metrics.yaml."""'
    page.replace("buckets", f"DURATION_BOUNDS: Final = {bounds}\n{doc}\n")
    return {PAGE: formatted(page.text)}


if __name__ == "__main__":
    sys.exit(write(outputs()))
