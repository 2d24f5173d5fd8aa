"""The heads that left the database: each minute the sink sends the chain's head as a log event, which Loki keeps.

Whoever holds the chain key and the database can make a chain anew that is right in itself, or put back an old copy;
what was announced before tells on them.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from .. import ledger
from .findings import Report, when

QUERY: Final = '{service_name="otelgate-audit"} | otelgate_audit_head_seq != ""'
_PAGE: Final = 1_000
_TIMEOUT_S: Final = 30


def check(
    connection: psycopg.Connection[Any], chain_key: bytes, loki_url: str, report: Report, from_us: int, to_us: int
) -> None:
    """Compare the heads announced between two times with the chain as it is now. The connection is in no transaction.

    Without an answer of Loki, or without a head there, the report has a note.
    """
    before, forged = report.heads, 0
    try:
        for page in _pages(loki_url, from_us * 1000, to_us * 1000):
            heads = []
            for time_ns, fields in page:
                at = _read(fields, chain_key)
                if at is None:
                    forged += 1
                else:
                    heads.append((time_ns // 1000, at))
            _compare(connection, heads, report)
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "reason", None) or error
        report.notes.append(f"announced heads not checked: Loki at {loki_url} does not answer ({reason})")
        return
    if forged:
        report.notes.append(f"{forged} announced heads are not signed with this chain key: left out")
    if report.heads == before:
        report.notes.append(f"announced heads not checked: Loki at {loki_url} has none of this time")


def _compare(connection: psycopg.Connection[Any], heads: list[tuple[int, ledger.Head]], report: Report) -> None:
    rows = connection.execute(
        "SELECT seq, link FROM ledger.entries WHERE seq = ANY(%s)", [[at.seq for _, at in heads]]
    ).fetchall()
    links = {seq: bytes(link) for seq, link in rows}
    ends = connection.execute(
        "SELECT (SELECT coalesce(max(seq), 0) FROM ledger.dropped WHERE table_name = 'ledger.entries'), seq"
        " FROM ledger.head"
    ).fetchone()
    dropped, last = ends or (0, 0)
    for announced_us, at in heads:
        report.heads += 1
        if at.seq <= dropped:
            continue
        said = f"was announced at {when(announced_us)}"
        if at.seq > last:
            what = (
                f"{said}, but the chain ends at {last}: its tail is gone, or an old copy of the database was put back"
            )
            report.add("announced", "ledger.entries", f"entry {at.seq}", what)
        elif links.get(at.seq) != at.link:
            what = f"{said} with another link: the chain was made anew"
            report.add("announced", "ledger.entries", f"entry {at.seq}", what)


def _read(fields: dict[str, str], chain_key: bytes) -> ledger.Head | None:
    seq, link, signature = (
        fields.get(name.replace(".", "_"), "") for name in (ledger.HEAD_SEQ, ledger.HEAD_LINK, ledger.HEAD_SIGNATURE)
    )
    return ledger.announced(seq, link, signature, chain_key)


def _pages(loki_url: str, start_ns: int, end_ns: int) -> Iterator[list[tuple[int, dict[str, str]]]]:
    """The events with their attributes, oldest first. Raises OSError, ValueError or KeyError."""
    while start_ns < end_ns:
        parameters = {"query": QUERY, "start": start_ns, "end": end_ns, "limit": _PAGE, "direction": "forward"}
        request = urllib.request.Request(f"{loki_url}/loki/api/v1/query_range?{urllib.parse.urlencode(parameters)}")
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            streams: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        # Without Loki's categorised answers, what is known of a line is all in its stream's labels.
        events = sorted(
            ((int(value[0]), stream["stream"]) for stream in streams for value in stream["values"]),
            key=lambda event: event[0],
        )
        if events:
            yield events
        if len(events) < _PAGE:
            return
        start_ns = events[-1][0] + 1
