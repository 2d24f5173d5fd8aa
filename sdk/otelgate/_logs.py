"""The `logging` module's records, without changing what the application's own logging does."""

from __future__ import annotations

import logging
from typing import Any

import wrapt

from . import _guard


def detach_from_root(handler: logging.Handler) -> None:
    """Take OpenTelemetry's handler off the root logger, and give it the same records by another way.

    A handler on the root changes the application: `logging.warning()` no longer configures a stream handler,
    `logging.basicConfig()` finds the root configured, and warnings no longer reach stderr as a last resort.
    """
    root = logging.getLogger()
    root.removeHandler(handler)
    # Flushing is done in one place; `logging.shutdown` would start a thread for it, too late.
    handler.flush = lambda: None  # type: ignore[method-assign]

    def call_handlers(wrapped: Any, logger: logging.Logger, args: Any, kwargs: Any) -> Any:
        record = args[0] if args else kwargs["record"]
        if record.levelno >= handler.level and _propagates(logger, root):
            try:
                handler.handle(record)
            except Exception:
                _guard.report("exporting a log record")
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(logging.Logger, "callHandlers", call_handlers)


def _propagates(logger: logging.Logger, root: logging.Logger) -> bool:
    current: logging.Logger | None = logger
    while current is not None and current is not root:
        current = current.parent if current.propagate else None
    return current is root
