"""Puts variables and macros into a query as Grafana does; the value of a variable cannot end the text it stands in."""

import re
import time
from collections.abc import Mapping, Sequence

from .window import Window


class Everything(str):
    """The text that stands for "All", which goes into a query unchanged in every format. It comes from a dashboard."""


Value = str | tuple[str, ...]
"""The choice of a variable: one value, or several."""


def interpolate(text: str, values: Mapping[str, Value], window: Window) -> str:
    """The query with macros and variables replaced; a value that reads like one of them stays a value."""
    start, end = (time.strftime("'%Y-%m-%dT%H:%M:%SZ'", time.gmtime(moment)) for moment in (window.start, window.end))
    text = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN {start} AND {end}", text)
    for macro, replacement in (
        ("$__timeFrom()", start),
        ("$__timeTo()", end),
        ("$__rate_interval", f"{window.rate_interval}s"),
        ("$__range_s", f"{window.seconds:.0f}"),
        ("$__range", f"{window.seconds:.0f}s"),
        ("$__interval", f"{window.interval}s"),
    ):
        text = text.replace(macro, replacement)

    def written(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return formatted(values[name], match[2]) if name in values else match[0]

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)", written, text)


def formatted(value: Value, kind: str | None) -> str:
    """A value as Grafana writes it in a format; without one, as its data source of Prometheus does.

    There quotes are escaped by the feature toggle `prometheusSpecialCharsInLabelValues`, which the stack sets. A
    backtick would end a raw string of LogQL, in which nothing can be escaped, so it is written as a regular expression
    that matches it.
    """
    if isinstance(value, Everything):
        return value
    values = (value,) if isinstance(value, str) else value
    if kind == "sqlstring":
        return ",".join("'" + each.replace("'", "''") + "'" for each in values)
    if kind == "regex":
        escaped = [re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", each) for each in values]
        return _either([each.replace("`", r"\x60") for each in escaped])
    quoted = (each.replace("\\", r"\\\\").replace('"', r"\\\"") for each in values)
    return _either([re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", each) for each in quoted])


def _either(patterns: Sequence[str]) -> str:
    return patterns[0] if len(patterns) == 1 else f"({'|'.join(patterns)})"
