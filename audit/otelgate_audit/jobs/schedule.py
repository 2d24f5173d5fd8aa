"""The keeper's periodic jobs: each is a thread with its own connection.

An error is logged and counted, and the job runs again at its next time; it never ends the process. If several keepers
share a database, one of them does each job: the one that holds the job's advisory lock (locks.py), for as long as its
connection lives.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ..ledger.witness import Witness
from ..model import clock, database, locks, partitions
from ..process.telemetry import INTERVAL_S, Meters, Telemetry, brief
from ..reconcile import comparison
from ..settings import Settings
from . import gauges, retention
from .announcer import HeadAnnouncer

_LOGGER = logging.getLogger(__name__)

_NOT_READY_S = 5


@dataclass(frozen=True)
class Job:
    """`run(connection, now_us)` every `every_s` seconds, counted from its end. `lock`: its advisory lock's key.

    Calls `rest()` instead if the job failed, or if another keeper does it.
    """

    name: str
    every_s: float
    lock: int
    run: Callable[[psycopg.Connection[Any], int], None]
    rest: Callable[[], None] = lambda: None


class Jobs:
    """Runs the jobs between start and stop, while `ready()`."""

    def __init__(self, settings: Settings, meters: Meters, jobs: Sequence[Job], ready: Callable[[], bool]) -> None:
        self._settings, self._meters, self._jobs, self._ready = settings, meters, jobs, ready
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: dict[str, psycopg.Connection[Any]] = {}

    def start(self) -> None:
        for job in self._jobs:
            thread = threading.Thread(target=self._repeat, args=(job,), name=job.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the jobs; a running job is rolled back."""
        self._stopping.set()
        for connection in list(self._connections.values()):
            connection.cancel_safe(timeout=2)
        for thread in self._threads:
            thread.join(5)

    def _repeat(self, job: Job) -> None:
        while not self._stopping.is_set():
            ready = self._ready()
            try:
                if not (ready and self._run(job)):
                    job.rest()
            except Exception as error:
                job.rest()
                if not self._stopping.is_set():
                    self._meters.failed(job.name)
                    _LOGGER.error("%s failed: %s", job.name, brief(error))
            self._stopping.wait(job.every_s if ready else _NOT_READY_S)
        if connection := self._connections.pop(job.name, None):
            connection.close()

    def _run(self, job: Job) -> bool:
        """False if another keeper does it."""
        connection = self._connections.get(job.name)
        if connection is None or connection.closed:
            connection = database.connect(
                self._settings.database_url, name=job.name, password=self._settings.database_password
            )
            self._connections[job.name] = connection
        try:
            # Acquired again at each run: PostgreSQL counts these locks, and the end of the connection releases all.
            leads = locks.leads(connection, job.lock)
            connection.commit()
            if leads:
                job.run(connection, clock.now_us())
            connection.commit()
            return leads
        except BaseException:
            connection.close()
            raise


def standard(settings: Settings, telemetry: Telemetry) -> list[Job]:
    """The jobs of `otelgate-audit keep`."""
    witness = Witness(settings.witness) if settings.witness else None
    announce = HeadAnnouncer(telemetry, settings.chain_key, witness)
    meters = telemetry.meters
    lock = 6_835_674_028_300_100
    return [
        Job("gauges", INTERVAL_S, lock, lambda c, now_us: gauges.publish(c, settings, meters, now_us), meters.clear),
        Job("head", 60, lock + 1, announce),
        Job("reconcile", 300, lock + 2, lambda c, now_us: _reconcile(c, settings, now_us)),
        Job("retention", 3600, lock + 3, lambda c, now_us: _retention(c, settings, now_us)),
        Job("partitions", 3600, lock + 4, partitions.ahead),
    ]


def _reconcile(connection: psycopg.Connection[Any], settings: Settings, now_us: int) -> None:
    """Write the windows to audit.reconciliation, from which the gauges read them."""
    comparison.check(connection, settings, now_us)


def _retention(connection: psycopg.Connection[Any], settings: Settings, now_us: int) -> None:
    for deleted in retention.purge(connection, settings, now_us):
        _LOGGER.info("retention: %d rows of %s deleted", deleted.rows, deleted.partition or deleted.table)
