"""`otelgate-audit forget`: erases a person, and keeps data about no person. LEDGER.md describes the proof afterwards.

A person's records are those that name them and, in their turns' traces and in their sessions, those without a
user. These records lose user and session id, all content, and the attributes of product events. The inputs of the
totals stay: tokens, cost, durations, tools, models, ratings. The person's rows in users and sessions, the hash of
their questions, the payloads of rejects that name them, and their key are deleted. Records of others stay unchanged.
If the gateway stored a pseudonym for the id, it is also searched.

REACHES names the stores that it does not reach; it does not reach free pages of the database either, until they are
overwritten. A span that is resent later changes nothing, as its row exists. A new span that names the person is
stored under a new key.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, Final

import click
import psycopg
from tqdm import tqdm

from .. import command_line
from ..ledger import Chain
from ..model import clock, database
from ..process.telemetry import Telemetry
from ..settings import Settings
from . import persons
from .erasure import Erased, Erasure, StillWriting

_LOGGER = logging.getLogger(__name__)

EVENT = "otelgate.audit.erasure"

REACHES = (
    "It erases a person's words and ids in the audit store. Tempo, Jaeger and Loki keep theirs until their retention"
    " ends, backups until they are deleted; Prometheus holds no ids of persons."
)
"""Every page that names `forget` says this, in these words (tests/test_docs.py)."""
_EXPECTED = (
    "the person's user.id as the application sends it, a pseudonym of it, or the id of a session or turn of theirs"
)


EPILOG = REACHES
OPTIONS: Final = [
    click.Option(["--user"], required=True, metavar="ID", help=_EXPECTED),
    click.Option(["--service"], help="only in this application; default: in all that know the id"),
    command_line.flag("--yes", text="don't ask"),
    command_line.as_json(),
]


def run(settings: Settings, options: SimpleNamespace) -> int:
    """0: erased; 1: the person was not found, it has to be run again, or it was declined; 2: not asked for."""
    chain = Chain(settings.chain_key)
    with database.connect(settings.database_url, name="forget", password=settings.database_password) as connection:
        database.require_schema(connection)
        connection.commit()
        try:
            # No person has an empty id, which would match the records that belong to no person.
            known = (
                persons.known_as(connection, settings.pseudonym_key, options.user, options.service)
                if options.user
                else []
            )
        except persons.SharedSession as error:
            return _refused(options, str(error))
        people = {user: persons.services_of(connection, user) for user in known}
        if options.service:
            people = {user: [options.service] for user, services in people.items() if options.service in services}
            if options.user and not known:  # rejects may name them, too
                people = {options.user: [options.service]}
        if not people:
            return _not_found(settings, options)
        if not options.yes and not _confirmed(connection, chain, people):
            return 2 if not sys.stdin.isatty() else 1
        try:
            now_us = clock.now_us()
            done = [
                each for user, services in people.items() for each in forget(connection, chain, user, services, now_us)
            ]
        except StillWriting as error:
            print(error, file=sys.stderr)
            return 1
    if any(each.records or each.traces or each.sessions for each in done):
        _send_erasure_event(settings, done)
    if not known and not any(each.rejects for each in done):
        return _not_found(settings, options)
    _print(done, options.as_json)
    return 0


def forget(
    connection: psycopg.Connection[Any], chain: Chain, user_id: str, services: list[str], now_us: int
) -> list[Erased]:
    """Erase a person in each service. Commits as it goes; the connection is in no transaction. Raises StillWriting."""
    done = []
    for service in services:
        with tqdm(desc=service, unit=" traces", leave=False, disable=not sys.stderr.isatty()) as bar:
            done.append(Erasure(connection, chain, service, user_id).run(now_us, bar.update))
        _LOGGER.info("forget: a user of %s erased: %d records of %d traces", service, done[-1].records, done[-1].traces)
    return done


def _confirmed(connection: psycopg.Connection[Any], chain: Chain, people: dict[str, list[str]]) -> bool:
    if not sys.stdin.isatty():
        print("erasing can't be undone: add --yes where there is no terminal", file=sys.stderr)
        return False
    traces = [
        (service, len(Erasure(connection, chain, service, user).traces()))
        for user, services in people.items()
        for service in services
    ]
    found = ", ".join(f"{number} traces of {service}" for service, number in traces) or "nothing"
    return input(f"{found}: erase for good? [y/N] ").strip().lower() in ("y", "yes")


def _send_erasure_event(settings: Settings, done: list[Erased]) -> None:
    """Send a log event through the gateway that an erasure was done; it does not name the person."""
    telemetry = Telemetry(settings, readers=[])
    for each in done:
        attributes = {"otelgate.audit.erasure.records": each.records, "otelgate.audit.erasure.traces": each.traces}
        telemetry.event(EVENT, {"otelgate.audit.erasure.service": each.service, **attributes})
    telemetry.shutdown()


def _not_found(settings: Settings, options: SimpleNamespace) -> int:
    """Report that the person was not found: a mistyped id must not look like an erasure."""
    where = f" in {options.service}" if options.service else ""
    wanted = f"expected {_EXPECTED}"
    if not settings.pseudonym_key_file:
        wanted += "; without OTELGATE_PSEUDONYM_KEY_FILE pseudonyms of it are not found"
    return _refused(options, f"nothing is stored about this user{where}, nothing was erased: {wanted}")


def _refused(options: SimpleNamespace, why: str) -> int:
    if options.as_json:
        print(json.dumps({"found": False, "erased": []}))
    print(why, file=sys.stderr)
    return 1


def _print(done: list[Erased], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"found": True, "erased": [asdict(each) for each in done]}))
        return
    for each in done:
        print(
            f"{each.service}: {each.records} records of {each.traces} traces made anonymous, {each.texts} texts,"
            f" {each.sessions} sessions and {each.rejects} rejects erased"
        )
        for record in each.unproven:
            print(f"  {record} differed from the ledger before: `verify` will go on naming it")
    print(REACHES)
