"""Flushing, and the end of a process: by return, by SIGTERM, or in a fork's child."""

from __future__ import annotations

import atexit
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from . import _guard
from ._export import Link
from ._health import Health

DEADLINE_S = 2.0
"""All the time that telemetry takes from a process that ends, for the three signals together, in seconds."""


class Provider(Protocol):
    """What the three SDK providers have in common."""

    def force_flush(self, timeout_millis: int = ...) -> bool: ...

    def shutdown(self) -> None: ...


class Runner:
    """A daemon thread that does jobs.

    It is started beforehand, because Python from 3.12 on starts no thread once the interpreter is shutting down.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.renew()

    def renew(self) -> None:
        """Start the thread; again in a fork's child, which has none."""
        # SimpleQueue can be entered again by a signal handler.
        self._jobs: queue.SimpleQueue[tuple[Callable[[], object], threading.Event]] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(self._jobs,), name=self._name, daemon=True).start()

    def submit(self, job: Callable[[], object]) -> threading.Event:
        """Queue a job; the event is set when it has run."""
        done = threading.Event()
        self._jobs.put((job, done))
        return done

    def _run(self, jobs: queue.SimpleQueue[tuple[Callable[[], object], threading.Event]]) -> None:
        while True:
            job, done = jobs.get()
            try:
                job()
            except Exception:
                _guard.report(self._name)
            done.set()


class Lifecycle:
    """The three providers, as one thing that can be flushed and ended within one deadline."""

    def __init__(self, providers: dict[str, Provider], links: list[Link], health: Health) -> None:
        self._providers = providers
        self._links = links
        self._health = health
        self._runners = {name: Runner(f"otelgate-{name}") for name in providers}
        self._pending: dict[str, threading.Event] = {}
        self._ended = False

    def flush(self, timeout_s: float) -> bool:
        """Send what is queued. Returns whether all of it was delivered within `timeout_s` seconds."""
        if self._ended:
            return False
        failures = self._failures()
        delivered = self._run_all(lambda provider: provider.force_flush, time.monotonic() + timeout_s)
        return delivered and self._failures() == failures

    def shutdown(self, timeout_s: float = DEADLINE_S) -> bool:
        """Flush and end all, once; what is not delivered after `timeout_s` seconds is given up."""
        if self._ended:
            return True
        self._ended = True
        deadline = time.monotonic() + timeout_s
        failures = self._failures()
        for link in self._links:
            link.stop()
        self._pending.clear()  # a flush that hangs is no end
        delivered = self._run_all(lambda provider: provider.shutdown, deadline)  # flushes, too
        for link in self._links:
            pending = self._pending.get(link.signal)
            link.close(in_time=pending is None or pending.is_set())
        return delivered and self._failures() == failures

    def _failures(self) -> int:
        return sum(link.failures for link in self._links)

    def _run_all(self, job: Callable[[Provider], Callable[[], object]], deadline: float) -> bool:
        """Run a job for each provider, in parallel. While one hangs, no other is queued behind it."""
        for name, provider in self._providers.items():
            waiting = self._pending.get(name)
            if waiting is None or waiting.is_set():
                self._pending[name] = self._runners[name].submit(job(provider))
        return all(done.wait(max(0.0, deadline - time.monotonic())) for done in list(self._pending.values()))

    def renew(self) -> None:
        """In a fork's child: own connections, own threads, own metric state."""
        self._pending.clear()
        self._health.renew_lock()
        for link in self._links:
            link.renew()
        _reset_metrics(self._providers.get("metrics"))
        for runner in self._runners.values():
            runner.renew()
        # A child of multiprocessing ends by os._exit, after its own finalizers.
        if (util := sys.modules.get("multiprocessing.util")) is not None:
            util.register_after_fork(self, _end_with_multiprocessing)


def _end_with_multiprocessing(lifecycle: Lifecycle) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, lifecycle.shutdown, exitpriority=0)


def _reset_metrics(provider: Any) -> None:
    """Forget the parent's totals, which a fork copied: the child would report them again as its own.

    The SDK has no call for that. Its locks may have been held by a thread that the child doesn't have.
    """
    if provider is None:
        return
    try:
        consumer = provider._measurement_consumer
        consumer._lock = threading.Lock()
        for reader in provider._metric_readers:
            if hasattr(reader, "_export_lock"):
                reader._export_lock = threading.Lock()
            consumer.remove_metric_reader(reader)
            consumer.add_metric_reader(reader)
    except Exception:
        _guard.report("starting metrics afresh after a fork")


_current: Lifecycle | None = None


def current() -> Lifecycle | None:
    """The process's lifecycle, once the SDK is set up."""
    return _current


def start(lifecycle: Lifecycle) -> None:
    """Take over the end of the process from the SDK's providers."""
    global _current
    _current = lifecycle
    for provider in lifecycle._providers.values():
        atexit.unregister(provider.shutdown)
    atexit.register(_at_exit)
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
    _handle_sigterm()


@_guard.never_raises(None)
def _at_exit() -> None:
    if _current is not None:
        _current.shutdown()


@_guard.never_raises(None)
def _before_fork() -> None:
    for link in _current._links if _current else ():
        link.before_fork()


@_guard.never_raises(None)
def _after_fork_in_parent() -> None:
    for link in _current._links if _current else ():
        link.after_fork()


@_guard.never_raises(None)
def _after_fork() -> None:
    if _current is not None:
        _current.renew()


def _handle_sigterm() -> None:
    """Flush on SIGTERM. Over the default or a Python handler only, and only where Python allows: the main thread."""
    previous = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        return
    if previous is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _die)
    elif callable(previous):
        signal.signal(signal.SIGTERM, _chain(previous))


def _die(signum: int, frame: FrameType | None) -> None:
    """Flush, then die of the signal, so that the exit status stays what it was."""
    _at_exit()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _chain(previous: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], None]:
    @_guard.never_raises(False)
    def flush() -> bool:
        return _current is not None and _current.flush(DEADLINE_S)

    def handler(signum: int, frame: FrameType | None) -> None:
        flush()
        previous(signum, frame)

    return handler
