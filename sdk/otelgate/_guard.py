"""Bugs and failures of the SDK stay in the SDK."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from . import names

logger = logging.getLogger(names.SCOPE)

P = ParamSpec("P")
R = TypeVar("R")

_reported: set[str] = set()


def report(what: str) -> None:
    """Log the exception being handled: the first of each kind as a warning, the others at debug level."""
    level = logging.DEBUG if what in _reported else logging.WARNING
    _reported.add(what)
    logger.log(level, "%s failed inside otelgate; the application goes on", what, exc_info=True)


def never_raises(default: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function return `default` instead of raising an `Exception`."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception:
                report(function.__qualname__)
                return default

        return guarded

    return decorate
