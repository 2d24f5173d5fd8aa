"""The keeper's job that sends the ledger's head out of the database, to the gateway and to the witness."""

from __future__ import annotations

import logging
import threading
from typing import Any

import psycopg

from .. import ledger
from ..ledger.witness import Witness
from ..process.telemetry import Telemetry, brief

_LOGGER = logging.getLogger(__name__)

_AGAIN_US = 3_600_000_000


class HeadAnnouncer:
    """Sends the ledger's head through the gateway when it has moved: later proof that nothing was rebuilt.

    It also sends the head once an hour if it has not moved, so that a running keeper has always announced one recently.
    A separate thread sends the same head to the witness, if there is one, so a witness that hangs delays nothing else.
    A witness that fails, or is not done by the next run, counts as a failed job, and gets all waiting heads later.
    """

    def __init__(self, telemetry: Telemetry, chain_key: bytes, witness: Witness | None = None) -> None:
        self._telemetry, self._chain_key, self._witness = telemetry, chain_key, witness
        self._announced, self._again_us = 0, 0
        self._writing: threading.Thread | None = None

    def __call__(self, connection: psycopg.Connection[Any], now_us: int) -> None:
        self._announce(connection, now_us)
        connection.commit()
        if self._witness:
            self._begin_to_write(self._witness)

    def _begin_to_write(self, witness: Witness) -> None:
        if self._writing and self._writing.is_alive():
            self._failed(witness.failure("still busy with those before"))
            return
        self._writing = threading.Thread(target=self._write, args=(witness,), name="witness", daemon=True)
        self._writing.start()

    def _write(self, witness: Witness) -> None:
        try:
            witness.write()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._telemetry.meters.failed("witness")
        _LOGGER.error("witness failed: %s", brief(error))

    def _announce(self, connection: psycopg.Connection[Any], now_us: int) -> None:
        seq = ledger.head(connection).seq
        if seq == self._announced and (not seq or now_us < self._again_us):
            return
        head, count = ledger.count_head(connection)
        connection.commit()  # a head that is counted and lost leaves a gap; sending one twice would hide the gap
        attributes = ledger.announce(head, self._chain_key, count)
        self._telemetry.event(ledger.HEAD_EVENT, attributes)
        if self._witness:
            self._witness.keep(attributes)
        self._announced, self._again_us = head.seq, now_us + _AGAIN_US
