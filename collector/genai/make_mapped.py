"""Writes sdk/otelgate/_mapped.py: the names of texts that mapping.yaml reads, which the SDK must let leave the process.

`make generate` runs it. With --check it writes nothing; exit status 1 if the file differs. Message content is left
out, by the gateway's own list: collector/redact/policy.yaml.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from generated import ROOT, write

MAPPING: Final = ROOT / "collector/genai/mapping.yaml"
POLICY: Final = ROOT / "collector/redact/policy.yaml"
TARGET: Final = ROOT / "sdk/otelgate/_mapped.py"
PAGE: Final = '''\
"""Generated from collector/genai/mapping.yaml by `make generate`. Do not edit."""

from typing import Final

MAPPED: Final = frozenset(
    """
    {names}
    """.split()  # noqa: SIM905
)
"""Attributes with names and ids that the gateway translates."""
'''


def texts(mapping: Mapping[str, Any]) -> Iterator[str]:
    """Each attribute of the type string, and those that it is read from."""
    for canonical, entry in mapping["attributes"].items():
        if entry["type"] in ("string", "strings"):
            yield canonical
            for source in entry["from"]:
                name = source if isinstance(source, str) else source.get("attribute", "")
                if name and not name.startswith("metadata."):
                    yield name


def outputs() -> dict[Path, str]:
    content = set(yaml.safe_load(POLICY.read_text())["attributes"]["content"])
    names = sorted(set(texts(yaml.safe_load(MAPPING.read_text()))) - content)
    return {TARGET: PAGE.format(names="\n    ".join(names))}


if __name__ == "__main__":
    sys.exit(write(outputs()))
