"""Names of series in a legend, as Grafana makes them."""

import re
from collections.abc import Mapping, Sequence

_METRIC = "__name__"


def names(series: Sequence[Mapping[str, str]], pattern: str) -> list[str]:
    """One name for each set of labels. `pattern` such as "{{model}}", or "__auto": the labels that differ."""
    if pattern and pattern != "__auto":
        return [_filled(pattern, labels) for labels in series]
    keys = sorted({key for labels in series for key in labels if key != _METRIC})
    differing = [key for key in keys if len({labels.get(key) for labels in series}) > 1]
    return [_named(labels, differing) for labels in series]


def _filled(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda found: labels.get(found[1], ""), pattern)


def _named(labels: Mapping[str, str], differing: Sequence[str]) -> str:
    if len(differing) == 1:
        return labels.get(differing[0], "")
    if differing:
        return "{" + ", ".join(f'{key}="{labels[key]}"' for key in differing if key in labels) + "}"
    return labels.get(_METRIC) or "Value"
