"""Bugs and failures of the SDK stay in the SDK."""

from __future__ import annotations

import functools
import logging
import reprlib
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from . import names

logger = logging.getLogger(names.SCOPE)

P = ParamSpec("P")
R = TypeVar("R")

_reported: set[str] = set()

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def _level(what: str) -> int:
    level = logging.DEBUG if what in _reported else logging.WARNING
    _reported.add(what)
    return level


def report(what: str) -> None:
    """Log the exception being handled: the first of each kind as a warning, the others at debug level."""
    logger.log(_level(what), "%s failed inside otelgate; the application goes on", what, exc_info=True)


def report_argument(
    function: str, argument: str, value: object, expected: str, outcome: str = "nothing is sent"
) -> None:
    """Log that the application called us with a bad argument: the first of each as a warning, others at debug level."""
    call = f"otelgate.{function}({argument}="
    logger.log(_level(call), "%s%s): expected %s; %s", call, _short.repr(value), expected, outcome)


def report_setting(function: str, problem: str, outcome: str) -> None:
    """Log that a setting keeps a function from its work: the first time as a warning, then at debug level."""
    logger.log(_level(f"otelgate.{function}()"), "otelgate.%s(): %s; %s", function, problem, outcome)


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
