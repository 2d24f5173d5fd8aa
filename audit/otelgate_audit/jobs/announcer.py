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
    """Sends the ledger's head through the gateway when it has moved: what proves later that nothing was rebuilt.

    Once an hour also where it has not, so that a keeper that runs has always announced one of late. The same head goes
    to the witness, if there is one, by a thread of its own: one that hangs holds up nothing. A witness that fails, or
    that is not done by the next run, is counted like a job that failed, and gets all heads that wait later.
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
        connection.commit()  # one that is counted and gets lost leaves a gap; one sent twice would hide it
        attributes = ledger.announce(head, self._chain_key, count)
        self._telemetry.event(ledger.HEAD_EVENT, attributes)
        if self._witness:
            self._witness.keep(attributes)
        self._announced, self._again_us = head.seq, now_us + _AGAIN_US
