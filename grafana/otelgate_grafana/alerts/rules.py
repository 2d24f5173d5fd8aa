"""Every alert, group by group: those that the modules of topics/ define, in the group that each names."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Final

from . import topics
from .model import Alert, Group

_STACK: Final[Mapping[str, str]] = {
    # A probe every 15 s and a minute's wait leave little of the 2 minutes in which the alert must be delivered.
    "otelgate-availability": "5s",
    "otelgate-presence-alerts": "15s",
    "otelgate-http-critical": "15s",
    "otelgate-http-alerts": "30s",
    "otelgate-agents-critical": "15s",
    "otelgate-agents-alerts": "30s",
    "otelgate-cost-alerts": "15s",
    # The sink counts sessions every 15 s and sends them every 15 s: with the minute's wait, 25 s of 2 minutes are left.
    "otelgate-capacity-critical": "5s",
    "otelgate-capacity-alerts": "30s",
    "otelgate-slo-alerts": "15s",
    "otelgate-gateway-critical": "15s",
    "otelgate-gateway-alerts": "30s",
    "otelgate-bounds-critical": "15s",
    "otelgate-bounds-alerts": "30s",
    "otelgate-processing-critical": "15s",
    "otelgate-processing-alerts": "30s",
    "otelgate-audit-alerts": "15s",
}
"""Group -> how often it is evaluated: 15 s for paging alerts."""
_EXAMPLES: Final[Mapping[str, str]] = {
    "otelgate-example-websockets": "30s",
    "otelgate-example-breakers": "5s",
    "otelgate-example-products": "30s",
}
"""The same, for metrics that only the applications of examples/ send: `make example` installs them, `make up` not."""


def _defined() -> Iterator[Alert]:
    """In the order of the files' names, then of their lines; a module may have tuples of alerts, too."""
    for module in pkgutil.iter_modules(topics.__path__):
        for value in vars(importlib.import_module(f"{topics.__name__}.{module.name}")).values():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Alert):
                    yield _grouped(each)


def _grouped(alert: Alert) -> Alert:
    known = [*_STACK, *_EXAMPLES]
    if alert.group not in known:
        raise ValueError(f"{alert.name}: group={alert.group!r}: expected one of {', '.join(known)}")
    return alert


def _groups(intervals: Mapping[str, str]) -> tuple[Group, ...]:
    return tuple(
        Group(name, tuple(alert for alert in _FOUND if alert.group == name), interval)
        for name, interval in intervals.items()
    )


_FOUND: Final = tuple(_defined())

STACK_GROUPS: Final[tuple[Group, ...]] = _groups(_STACK)
EXAMPLE_GROUPS: Final[tuple[Group, ...]] = _groups(_EXAMPLES)
GROUPS: Final[tuple[Group, ...]] = (*STACK_GROUPS, *EXAMPLE_GROUPS)
ALERTS: Final[tuple[Alert, ...]] = tuple(alert for group in GROUPS for alert in group.alerts)
