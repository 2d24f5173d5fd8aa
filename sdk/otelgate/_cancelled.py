"""Work that its caller gave up: a cancelled task, a closed or dropped generator, a page that a user leaves.

Instrumentations see an exception and call it an error. It is not an error of the agent, the model or the tool, so such
spans leave the process without an error and with `otelgate.cancelled`, regardless of their instrumentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import StatusCode

from . import names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan

_KINDS = frozenset(("CancelledError", "GeneratorExit", "Cancelled"))
"""asyncio's and concurrent.futures', Python's own, trio's."""
_FIRST_NAME = re.compile(r"[\w.]+")


def is_cancellation(kind: object) -> bool:
    """Whether the name of an exception's class, qualified or not, is that of a cancellation."""
    return isinstance(kind, str) and kind.rpartition(".")[2] in _KINDS


def is_cancellation_error(error: BaseException) -> bool:
    """Whether an exception is a cancellation."""
    return any(is_cancellation(kind.__name__) for kind in type(error).__mro__)


def is_cancelled(span: ReadableSpan) -> bool:
    """Whether the span ended since its work was given up: by its last exception, `error.type`, or the status' text."""
    if span.status.status_code is StatusCode.OK:
        return False
    for event in reversed(span.events):
        if event.attributes and names.EXCEPTION_TYPE in event.attributes:
            return is_cancellation(event.attributes[names.EXCEPTION_TYPE])
    if span.attributes and names.ERROR_TYPE in span.attributes:
        return is_cancellation(span.attributes[names.ERROR_TYPE])
    found = _FIRST_NAME.match(span.status.description or "")
    return found is not None and is_cancellation(found[0])


def attributes(source: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of such a span."""
    return {key: value for key, value in source.items() if key != names.ERROR_TYPE} | {names.OTELGATE_CANCELLED: True}


def events(source: list[Event]) -> list[Event]:
    """The events of such a span: those that say no more than that."""
    return [event for event in source if not is_cancellation((event.attributes or {}).get(names.EXCEPTION_TYPE))]
