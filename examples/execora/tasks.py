"""Background work: invoices and receipts that go out as messages, one after the other."""

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable

from examples.common.traffic import Stage

from . import telemetry

log = logging.getLogger("execora.tasks")

MESSAGE_S = 0.2
"""How long the messaging service takes for one."""
_CLOSING_S = 10.0


class Tasks:
    """A queue and its one worker. With the switch queue_backlog tasks come in, and none is worked off."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._queue: queue.SimpleQueue[tuple[contextvars.Context, Callable[[], None]]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tasks", daemon=True)

    def __enter__(self) -> "Tasks":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Work off the waiting tasks, for some seconds; in a backlog they stay undone."""
        deadline = time.monotonic() + _CLOSING_S
        while not self._queue.empty() and not self._held() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._over.set()
        self._thread.join()

    def add(self, work: Callable[[], None]) -> None:
        """Done later, in the trace and the session of who asked for it."""
        telemetry.PENDING.add(1)
        self._queue.put((contextvars.copy_context(), work))

    def _held(self) -> bool:
        return self._stage.faults("queue_backlog")

    def _run(self) -> None:
        while not self._over.is_set():
            if self._held():
                self._over.wait(0.05)
                continue
            try:
                context, work = self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
            telemetry.PENDING.add(-1)
            context.run(self._do, work)

    def _do(self, work: Callable[[], None]) -> None:
        time.sleep(MESSAGE_S / self._stage.speed)
        try:
            work()
        except Exception as error:
            telemetry.count_error(error)
            log.exception("a task failed")
