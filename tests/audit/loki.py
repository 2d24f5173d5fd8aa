"""A small HTTP server in the place of Loki, which keeps the ledger's heads as the gateway hands them on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from otelgate_audit import ledger, settings
from otelgate_audit.ledger import proof
from otelgate_audit.process import stores

from .http_server import Quiet, listening
from .ledger_data import KEY

Store = psycopg.Connection[Any]


class Loki:
    """The part of Loki's query API that `verify` uses, with heads as log events: time in nanoseconds, attributes."""

    def __init__(self) -> None:
        self.events: list[tuple[int, dict[str, str]]] = []
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.body: bytes | None = None

    def announce(self, store: Store, at_us: int, key: bytes = KEY) -> None:
        """As the gateway and Loki hand on what the sink sends each minute."""
        at, count = ledger.count_head(store)
        self.put(at_us, ledger.announce(at, key, count))

    def announce_as_before(self, store: Store, at_us: int) -> None:
        """As a sink of revision 0002 did: without a count."""
        at = ledger.head(store)
        attributes = ledger.announce(at, KEY, 0)
        signature = proof.sign(KEY, "head", at.seq, at.link.hex()).hex()
        del attributes[ledger.HEAD_COUNT]
        letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
        self.put(at_us, attributes | {ledger.HEAD_SIGNATURE: signature.translate(letters)})

    def put(self, at_us: int, attributes: dict[str, Any]) -> None:
        named = {name.replace(".", "_"): str(value) for name, value in attributes.items()}
        self.events.append((at_us * 1000, {"service_name": "otelgate-audit", **named}))

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        self.asked.append(query)
        inside = [each for each in self.events if int(query["start"]) <= each[0] < int(query["end"])]
        result = [{"stream": labels, "values": [[str(at), ""]]} for at, labels in inside[: int(query["limit"])]]
        return {"status": "success", "data": {"resultType": "streams", "result": result}}


def asked(url: str) -> stores.Store:
    """How `verify` asks the Loki at this URL."""
    return stores.loki(settings.load({"OTELGATE_LOKI_URL": url}))


@contextmanager
def served() -> Iterator[tuple[Loki, str]]:
    """A Loki without heads, and its URL."""
    known = Loki()

    class Handler(Quiet):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            assert url.path == "/loki/api/v1/query_range"
            body = json.dumps(known.answer({name: each[0] for name, each in parse_qs(url.query).items()})).encode()
            self.answer(known.status, body if known.body is None else known.body)

    with listening(Handler) as url:
        yield known, url
