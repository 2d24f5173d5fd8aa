"""Signals are the application's: no thread of the SDK takes one.

The system hands a signal of a process to any thread that does not block it. So blocking one, as Celery's children do
while they hold a lock, has an effect only if every thread does; a thread inherits that from the one that starts it.
Windows has no such masks.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_FAULTS = frozenset(
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
    if hasattr(signal, name)
)
"""A thread's own, which faulthandler reports."""

_HAS_MASKS = hasattr(signal, "pthread_sigmask")

Mask = set[int | signal.Signals]


def mask() -> Mask:
    """The signals that this thread blocks."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, ()) if _HAS_MASKS else set()


def block() -> None:
    """Have the threads that this one starts from here on take no signal."""
    if _HAS_MASKS:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)


def restore(before: Mask) -> None:
    """Block no more than before."""
    if _HAS_MASKS:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def blocked() -> Iterator[None]:
    """For code that starts threads."""
    before = mask()
    try:
        block()
        yield
    finally:
        restore(before)
