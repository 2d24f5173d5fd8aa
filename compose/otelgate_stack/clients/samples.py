"""Prometheus' samples, and the text format in which a program shows its own."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'([\w.]+|"[^"]*")="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    """One value of one series: its labels (`__name__` included), the value, and its Unix time in seconds."""

    labels: Mapping[str, str]
    value: float
    time_s: float = 0.0


def parse_text(text: str) -> Iterator[Sample]:
    """The samples in Prometheus' text format (exemplars and timestamps are left out).

    These few lines save prometheus_client, a whole exporter's library, as a dependency for its parser alone.
    """
    for line in text.splitlines():
        if found := _LINE.match(line):
            labels = {key.strip('"'): _unescape(value) for key, value in _LABEL.findall(found["labels"] or "")}
            yield Sample({"__name__": found["name"], **labels}, float(found["value"]))


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)
