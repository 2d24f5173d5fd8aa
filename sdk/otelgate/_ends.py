"""Ends of processes that run no `atexit`, and workers that their manager ends: finished telemetry is sent before.

A manager may end a worker, by SIGTERM or `os._exit`, as soon as its last result is there. A child of multiprocessing
keeps no SIGTERM handler of this package: Python runs a handler between two bytecodes, so a child that waits for a
semaphore would never get to it, and its parent would wait for the child forever.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import wrapt

from . import _guard

_PROCESS_UTILITIES = ("multiprocessing.util", "billiard.util")
_DEADLY = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT))
_KILLED_S = 0.3
"""By when Celery has killed a child that exceeds its time limit, in seconds: it does so 0.1 s after a SIGTERM."""


class Sender(Protocol):
    """The operations of a lifecycle at the end of a task or a process."""

    def end_of_task(self, *, wait: bool) -> None: ...

    def end_of_process(self, *, final: bool) -> None: ...


def is_worker() -> bool:
    """Whether multiprocessing started this process, which was not forked from one with telemetry."""
    if any(word == "--multiprocessing-fork" or word.startswith("from multiprocessing.") for word in sys.orig_argv):
        return True
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    inheriting: bool = getattr(process.current_process(), "_inheriting", False)
    return inheriting or process.parent_process() is not None


def in_multiprocessing_child(owner: object, callback: Callable[[Any], object]) -> None:
    """In a fork's child: call back when it turns out to be multiprocessing's or billiard's, and no other's."""
    for name in _PROCESS_UTILITIES:
        if (util := sys.modules.get(name)) is not None:
            util.register_after_fork(owner, callback)


def watch(current: Callable[[], Sender | None]) -> None:
    """Send what finished: before the calls that end a process, and at the end of a task of Pool's or Celery's."""

    @_guard.never_raises(None)
    def end_of_process(*, final: bool = True, **kwargs: object) -> None:
        if (sender := current()) is not None:
            sender.end_of_process(final=final)

    @_guard.never_raises(None)
    def end_of_task(*, wait: bool = False, **kwargs: object) -> None:
        if (sender := current()) is not None:
            sender.end_of_task(wait=wait)

    _before(os, "_exit", end_of_process)
    for name in ("execv", "execve"):
        _before(os, name, functools.partial(end_of_process, final=False))
    _before(signal, "raise_signal", end_of_process, only=_is_deadly)
    wrapt.register_post_import_hook(functools.partial(_watch_pool, end_of_task), "multiprocessing.pool")
    wrapt.register_post_import_hook(functools.partial(_watch_celery, end_of_task, end_of_process), "celery.signals")


def _before(module: Any, name: str, action: Callable[[], None], only: Callable[..., bool] | None = None) -> None:
    original = getattr(module, name, None)
    if original is None:
        return

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if only is None or only(*args):
            action()
        return original(*args, **kwargs)

    setattr(module, name, wrapper)


@_guard.never_raises(False)
def _is_deadly(signum: int, *args: object) -> bool:
    """uvicorn, for one, gives signals their default back, and raises at its end the one that ended it."""
    return signum in _DEADLY and signal.getsignal(signum) is signal.SIG_DFL


class _ResultQueue:
    """The queue of a pool's results, which puts none in before the telemetry of its task is sent."""

    def __init__(self, queue: Any, end_of_task: Callable[..., None]) -> None:
        self._queue = queue
        self._end_of_task = end_of_task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def put(self, result: Any) -> None:
        self._end_of_task(wait=True)
        self._queue.put(result)


@_guard.never_raises(None)
def _watch_pool(end_of_task: Callable[..., None], pool: Any) -> None:
    """`with Pool()` terminates its workers when it has the last result."""
    from multiprocessing.queues import SimpleQueue

    original = pool.worker

    @functools.wraps(original)  # which other processes find by its name
    def worker(inqueue: Any, outqueue: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(outqueue, SimpleQueue):  # a pool of threads has another one
            outqueue = _ResultQueue(outqueue, end_of_task)
        return original(inqueue, outqueue, *args, **kwargs)

    pool.worker = worker


@_guard.never_raises(None)
def _watch_celery(end_of_task: Callable[..., None], end_of_process: Callable[..., None], signals: Any) -> None:
    """Celery kills a recycled child while it says goodbye, and one that exceeds its time limit 0.1 s after a SIGTERM.

    The goodbye takes a lock that all children share, and a child killed meanwhile would leave it locked forever. It
    immediately follows the SIGTERM unless something delays it, as sending does; so then the kill is waited for first.
    """

    def end_of_child(exitcode: int = 0, **kwargs: object) -> None:
        end_of_process()
        if exitcode < 0:  # by a signal
            time.sleep(_KILLED_S)

    def in_child(**kwargs: object) -> None:
        signals.task_postrun.connect(end_of_task, weak=False)
        signals.worker_process_shutdown.connect(end_of_child, weak=False)  # after the application's own

    signals.worker_process_init.connect(in_child, weak=False)
