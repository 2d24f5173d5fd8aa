"""PromQL that alerts and recording rules share: thresholds by service, new counters, bounds of histograms."""

from typing import Final

from .settings import Settings, load

APPLICATIONS: Final = 'service_name!~"otelgate-.*"'
"""Excludes the stack's own services: the doctor's canary is a turn too, and no other follows it."""


def beyond(expr: str, alert: str, comparison: str = ">", settings: Settings | None = None) -> str:
    """`expr` (by service_name and other labels) beyond each service's limit, or the default if it has none."""
    threshold = (settings or load()).thresholds[alert]
    own = f'otelgate:threshold{{alert="{alert}"}}'
    default = f'otelgate:threshold_default{{alert="{alert}"}}'
    parts = []
    if threshold.services:
        parts.append(f"({expr}) {comparison} on (service_name) group_left () {own}")
    if threshold.default is not None:
        rest = f"(({expr}) unless on (service_name) {own})" if threshold.services else f"({expr})"
        parts.append(f"{rest} {comparison} on () group_left () {default}")
    return "\nor\n".join(parts)


def limit(name: str) -> str:
    """The number of `limits` in settings.yaml."""
    value = load().limits[name].default
    assert value is not None
    return f"{value:g}"


def grown(selector: str, window: str, *, by: str) -> str:
    """The increase of counters, including counters that started within the window with a value.

    `increase()` sees nothing of a first value, and an application's counter of faults begins with its first fault. A
    series that was there at any time of the day before is no new one: gaps of Prometheus' own make no false alarm.
    """
    born = f"({selector} unless last_over_time({selector}[1d] offset {window}))"
    return f"sum by ({by}) ({born} or increase({selector}[{window}]))"


def le(bound: float) -> str:
    """A matcher of one bucket: the gateway writes `2`, a file that is imported `2.0`."""
    text = f"{bound:g}"
    return f'le="{text}"' if "." in text else f'le=~"{text}([.]0)?"'
