"""Flushing, and the end of a process: by return, by SIGTERM, or in a fork's child."""

from __future__ import annotations

import atexit
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

from . import _ends, _guard, _signals
from ._export import Link
from ._health import Health

_WHILE_IT_ANSWERS = 5
"""Exit time-outs that the end of a process takes at most, where each follows an answer of the gateway."""
_COLLECTION_S = 1.0
"""How long a fork waits at most for a thread that collects metrics, in seconds."""

_DISCONNECT_S = 0.5
"""How long the end of a process waits at most for each connection to close, in seconds."""

METRIC_INTERVAL_MS = 15_000
WORKER_METRIC_INTERVAL_MS = 5_000
"""Of worker processes, whose managers kill those that hang: the first do it after 5 s."""


class Provider(Protocol):
    """The methods that the three SDK providers share."""

    def force_flush(self, timeout_millis: int = ...) -> bool: ...

    def shutdown(self) -> None: ...


class _Done:
    """Set once, by a runner; a signal handler may wait for it while the code it interrupted does.

    `threading.Event` is not made for that. A wait holds its lock for a moment, and a handler that interrupts that
    moment would wait for the lock forever; or the runner would, and the handler for the runner.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._until_set = threading.Lock()
        self._until_set.acquire()

    def set(self) -> None:
        self._is_set = True
        self._until_set.release()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        if not self._is_set and self._until_set.acquire(timeout=timeout_s):
            self._until_set.release()  # for others that wait
        return self._is_set


class _Job:
    """Work for a runner."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.begun = False
        self.done = _Done()


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
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._last: _Job | None = None
        threading.Thread(target=self._do, args=(self._jobs,), name=self._name, daemon=True).start()

    def submit(self, work: Callable[[], object]) -> _Done:
        """Queue work; the answer is set when it is done. Work that is already queued is not queued again."""
        if (last := self._last) is not None and last.work == work and not last.begun:
            return last.done
        job = _Job(work)
        self._jobs.put(job)
        self._last = job  # after it is queued: a signal handler may wait for it from here on
        return job.done

    def _do(self, jobs: queue.SimpleQueue[_Job]) -> None:
        while True:
            job = jobs.get()
            job.begun = True
            try:
                job.work()
            except Exception:
                _guard.report(self._name)
            job.done.set()


class Lifecycle:
    """The three providers, as one thing that can be flushed and ended within one deadline.

    Args:
        providers: by signal.
        links: of all signals, to every exporter.
        health: what is known about the gateway.
        exit_timeout_s: how long the end of a process waits for an answer of the gateway, in seconds.
    """

    def __init__(
        self, providers: dict[str, Provider], links: list[Link], health: Health, exit_timeout_s: float
    ) -> None:
        self._providers = providers
        self._links = links
        self._health = health
        self._exit_timeout_s = exit_timeout_s
        self._runners = {name: Runner(f"otelgate-{name}") for name in providers}
        self._disconnecting = Runner("otelgate-disconnect")
        self._pending: dict[str, _Done] = {}
        self._ending: set[str] = set()
        self._ended = False
        self._forked = False
        self._metrics_lock: Any = None

    def flush(self, timeout_s: float | None = None) -> bool:
        """Send what is queued. Returns whether all was delivered within `timeout_s` seconds; by default an end's."""
        if self._ended:
            return False
        failures = self._failures()
        delivered = self._run_all(lambda provider: provider.force_flush, self._deadline(timeout_s))
        return delivered and self._failures() == failures

    def shutdown(self, timeout_s: float | None = None) -> bool:
        """Flush and end all, once; what is not sent within `timeout_s` seconds, by default an end's, is given up.

        Called again, by a signal handler that interrupts it for one, it does no more than wait until all is sent.
        """
        deadline = self._deadline(timeout_s)
        if self._ended:
            return self._end_all(deadline)
        self._ended = True
        failures = self._failures()
        for link in self._links:
            link.stop()
        delivered = self._end_all(deadline)
        for link in self._links:
            pending = self._pending.get(link.signal)
            link.close(in_time=pending is None or pending.is_set())
        self._health.drops.tell(at_end=True)
        for each in [self._disconnecting.submit(link.disconnect) for link in self._links]:
            each.wait(_DISCONNECT_S)
        return delivered and self._failures() == failures

    def end_of_task(self, *, wait: bool) -> None:
        """Send the remaining telemetry of a worker's task; `wait` for it, unless the gateway is unavailable."""
        if not self._is_idle():
            self.flush(self._exit_timeout_s if wait and not self._health.any_down else 0.0)

    def end_of_process(self, *, final: bool) -> None:
        """Send what is left; when `final`, for the last time. A child that recorded nothing has nothing to send."""
        if self._forked and self._is_idle():
            return
        if final:
            with _sigterm_ignored():
                self.shutdown()
        else:
            self.flush()

    def _is_idle(self) -> bool:
        return all(link.idle for link in self._links) and not _has_metrics(self._providers.get("metrics"))

    def _failures(self) -> int:
        return sum(link.failures for link in self._links)

    def _deadline(self, timeout_s: float | None) -> Callable[[], float]:
        """Until when to wait; where no time is given, each answer of the gateway puts it off."""
        began = time.monotonic()
        if timeout_s is not None:
            return lambda: began + timeout_s
        exit_s = self._exit_timeout_s
        return lambda: min(max(began, self._health.answered_at) + exit_s, began + _WHILE_IT_ANSWERS * exit_s)

    def _run_all(self, job: Callable[[Provider], Callable[[], object]], deadline: Callable[[], float]) -> bool:
        """Run a job for each provider, in parallel, after an earlier one that has begun and misses the latest items."""
        for name, provider in self._providers.items():
            self._pending[name] = self._runners[name].submit(job(provider))
        return self._wait_for_all(deadline)

    def _end_all(self, deadline: Callable[[], float]) -> bool:
        """Shut each provider down, which flushes it, unless an interrupted call has begun to."""
        for name, provider in self._providers.items():
            if name not in self._ending:
                self._pending[name] = self._runners[name].submit(provider.shutdown)
                self._ending.add(name)
        return self._wait_for_all(deadline)

    def _wait_for_all(self, deadline: Callable[[], float]) -> bool:
        return all(_wait(done, deadline) for done in list(self._pending.values()))

    def before_fork(self) -> None:
        """Let nothing be under way that a child could not finish."""
        for link in self._links:
            link.before_fork()
        self._metrics_lock = self._metrics_lock or _hold_collection(self._providers.get("metrics"))
        _set_interval(self._providers.get("metrics"), METRIC_INTERVAL_MS, WORKER_METRIC_INTERVAL_MS)

    def after_fork(self) -> None:
        """In the parent: go on."""
        for link in self._links:
            link.after_fork()
        if self._metrics_lock is not None:
            self._metrics_lock.release()
            self._metrics_lock = None
        _set_interval(self._providers.get("metrics"), WORKER_METRIC_INTERVAL_MS, METRIC_INTERVAL_MS)

    def renew(self) -> None:
        """In a fork's child: own connections, own threads, own metric state."""
        self._forked = True
        self._metrics_lock = None
        self._pending.clear()
        self._ending.clear()
        self._health.renew()
        for link in self._links:
            link.renew()
        _reset_metrics(self._providers.get("metrics"))
        for runner in (*self._runners.values(), self._disconnecting):
            runner.renew()
        _ends.in_multiprocessing_child(self, _give_sigterm_back)


def _wait(done: _Done, deadline: Callable[[], float]) -> bool:
    """Whether it is done before a deadline that may move meanwhile."""
    while (left := deadline() - time.monotonic()) > 0:
        if done.wait(left):
            return True
    return done.is_set()


def _set_interval(provider: Any, old: int, new: int) -> None:
    """For the thread that a child's reader starts; the parent's has read it already."""
    for reader in getattr(provider, "_metric_readers", ()):
        if getattr(reader, "_export_interval_millis", None) == old:
            reader._export_interval_millis = new


def _has_metrics(provider: Any) -> bool:
    """Whether anything was measured in this process. The SDK has no call for that; when in doubt, something was."""
    if provider is None:
        return False
    try:
        storages = provider._measurement_consumer._reader_storages.values()
        return any(storage._instrument_view_instrument_matches for storage in storages)
    except AttributeError:
        return True


def _hold_collection(provider: Any) -> Any:
    """Wait until no thread collects metrics, whose callbacks take locks (psutil's) that a child would inherit locked.

    Returns the lock to release in the parent, or None: a collection takes longer, or it is the one that forks.
    """
    lock = getattr(getattr(provider, "_measurement_consumer", None), "_lock", None)
    return lock if lock is not None and lock.acquire(timeout=_COLLECTION_S) else None


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
_ready: int | None = None
"""The process in which it can send: a fork's child only once it is renewed."""
_forking = threading.RLock()
"""Held from before a fork until after it: another thread's would take or release the same locks."""
_masks: list[_signals.Mask] = []
"""Which signals the forking thread blocks; during the fork all, for the child's threads, upstream's and ours."""


def current() -> Lifecycle | None:
    """The process's lifecycle, once the SDK is set up."""
    return _current


def start(lifecycle: Lifecycle) -> None:
    """Take over the end of the process from the SDK's providers."""
    global _current, _ready
    _current, _ready = lifecycle, os.getpid()
    for provider in lifecycle._providers.values():
        atexit.unregister(provider.shutdown)
    atexit.register(_at_exit)
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
    _ends.watch(current)
    if not _ends.is_worker():
        _handle_sigterm()


@_guard.never_raises(None)
def _at_exit() -> None:
    if _current is not None and _is_ready():
        _current.end_of_process(final=True)


def _is_ready() -> bool:
    """Not in a child whose fork has not returned: nothing was recorded there, and what would send it is not renewed."""
    return os.getpid() == _ready


@_guard.never_raises(None)
def _before_fork() -> None:
    _forking.acquire()
    try:
        if _current is not None:
            _current.before_fork()
    finally:
        _masks.append(_signals.mask())
        _signals.block()


@_guard.never_raises(None)
def _after_fork_in_parent() -> None:
    try:
        if _current is not None:
            _current.after_fork()
    finally:
        before = _masks.pop()
        _forking.release()
        _signals.restore(before)


@_guard.never_raises(None)
def _after_fork() -> None:
    global _forking, _ready
    _forking = threading.RLock()
    try:
        if _current is not None:
            _current.renew()
        _ready = os.getpid()
    finally:
        _signals.restore(_masks.pop())


_Handler = Callable[[int, FrameType | None], object]
_sigterm: tuple[_Handler, _Handler | signal.Handlers] | None = None
"""Our handler, and what was there before."""


def _in_main_thread() -> bool:
    """The only one in which Python lets a signal's handler be set."""
    return threading.current_thread() is threading.main_thread()


def _handle_sigterm() -> None:
    """Flush on SIGTERM. Over the default or a Python handler only, and only where Python allows: the main thread."""
    global _sigterm
    previous = signal.getsignal(signal.SIGTERM)
    if not _in_main_thread():
        return
    if previous is signal.SIG_DFL:
        _sigterm = (_die, signal.SIG_DFL)
    elif callable(previous):
        _sigterm = (_chain(previous), previous)
    else:
        return
    signal.signal(signal.SIGTERM, _sigterm[0])


@_guard.never_raises(None)
def _give_sigterm_back(lifecycle: Lifecycle) -> None:
    """In a child of multiprocessing, let SIGTERM do what it did before, unless the application set its own handler."""
    if _sigterm is not None and signal.getsignal(signal.SIGTERM) is _sigterm[0]:
        signal.signal(signal.SIGTERM, _sigterm[1])


def _die(signum: int, frame: FrameType | None) -> None:
    """Flush, then die of the signal, so that the exit status stays what it was."""
    _at_exit()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


@contextmanager
def _sigterm_ignored() -> Iterator[None]:
    """Let a process that is ending send the rest: a manager may send SIGTERM to a worker that is already exiting."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler not in (signal.SIG_DFL, _die) or not _in_main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _do_nothing)  # not SIG_IGN, which programs that are started meanwhile would inherit
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _do_nothing(signum: int, frame: FrameType | None) -> None:
    pass


def _chain(previous: _Handler) -> _Handler:
    @_guard.never_raises(False)
    def flush() -> bool:
        return _current is not None and _is_ready() and _current.flush()

    def handler(signum: int, frame: FrameType | None) -> None:
        flush()
        previous(signum, frame)

    return handler
