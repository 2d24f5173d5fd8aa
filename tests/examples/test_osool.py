"""Osool against the real stack: what its visitors did, worked out by hand, is what the stores say."""

import contextlib
import itertools
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from example_stack import ExampleStack, heed_interrupts
from otelgate.names import DURATION_BOUNDS
from otelgate_grafana import names
from otelgate_stack.clients.spans import Span
from waiting import until

from examples.common import history, traffic
from examples.common.faults import Faults
from examples.osool import past, switches
from examples.osool.database import LEAKED, POOL_SIZE, POOLS
from examples.osool.example import EXAMPLE
from examples.osool.outside import DECLINED_CARD
from examples.osool.visitors import Begin, Chat, Reserve, Search, Step, Trade

VISITS, SEED = 60, 5
EXAMPLE_FOLDER = Path(past.__file__).parent
HUNDREDTH = ", le='0.01'"
SELECTS = ", db_operation_name='SELECT'"
EVENTS = (names.SESSION_START, names.PROPERTY_SEARCH, names.RESERVATION)
NAME, POOL = "osool_circuit_breaker_name", "osool_liquidity_pool_id"
OWN = (names.BREAKER_STATE, names.BREAKER_FAILURES, names.POOL_RESERVE, names.TRADE_VOLUME, names.TRADE_LOSS,
       names.TRADE_SLIPPAGE, names.HTTP_REQUESTS, names.DATABASE_OPERATIONS, names.DATABASE_CONNECTIONS,
       names.PROCESS_CPU, names.PROCESS_MEMORY)  # fmt: skip


def visitors(seed: int = SEED, number: int = VISITS) -> list[Step]:
    """The actions of a run's visitors, before the run."""
    draw, quiet = random.Random(f"osool {seed}"), Faults()
    visits = EXAMPLE.visits(draw, traffic.moments(draw, 0.0, EXAMPLE.rate, quiet), quiet)
    return [step for visit in itertools.islice(visits, number) for step in visit.steps]


@dataclass
class Day:
    """One run of `make example`, and what Prometheus has of it alone."""

    steps: list[Step]
    sent: dict[str, dict[str, float]]
    instance: str
    """Of the process, on the metrics that it measures itself; those that the gateway derives have the gateway's."""
    events: dict[tuple[str, str], float]
    """Product events by name and status, after the run and before the next one."""
    fees: float
    searches_by_agent: float

    def steps_of(self, kind: type[Any]) -> list[Any]:
        return [step for step in self.steps if isinstance(step, kind)]

    def of(self, series: str, more: str = "") -> str:
        return f"{series}{{service_name='osool', instance='{self.instance}'{more}}}"


@pytest.fixture(scope="module")
def day(stack: ExampleStack) -> Day:
    summary = stack.example("osool", "--visits", str(VISITS), "--speed", "10", "--seed", str(SEED))
    sent, instance = summary["sent"], _newest(stack)
    tried = sent["reservations"]["tried"]
    count, value = (f"otelgate_event_{part}_total{{service_name='osool'}}" for part in ("count", "value"))
    each_event = f"sum by (event_name) ({count})"
    until(lambda: stack.by_label(each_event, "event_name").get("reservation", 0) >= tried)
    until(lambda: stack.by_label(each_event, "event_name").get("session.start", 0) >= VISITS)
    tools = "gen_ai_execute_tool_duration_seconds_count{service_name='osool', gen_ai_tool_name='search_properties'}"
    until(lambda: stack.metric(f"sum({tools})") >= sent["answers"]["search"])
    found = stack.prometheus.query(f"sum by (event_name, status) ({count})")
    events = {(each.labels["event_name"], each.labels.get("status", "")): each.value for each in found}
    return Day(visitors(), sent, instance, events, stack.metric(f"sum({value})"), stack.metric(f"sum({tools})"))


@pytest.fixture(scope="module")
def outage(stack: ExampleStack, day: Day) -> Day:
    """A later run, in which the services behind the breakers fail."""
    arguments = ("--visits", "50", "--speed", "10", "--seed", "6", "--fault", "breaker_open")
    sent = stack.example("osool", *arguments)["sent"]
    return Day(visitors(6, 50), sent, _newest(stack, {day.instance}), {}, 0, 0)


@pytest.mark.shows("M-B01")
def test_requests_count_by_route_and_status(stack: ExampleStack, day: Day) -> None:
    requests = day.of("http_server_request_duration_seconds_count")
    found = {
        f"{sample.labels['http_request_method']} {sample.labels['http_route']} "
        f"{sample.labels['http_response_status_code']}": sample.value
        for sample in stack.prometheus.query(requests)
    }
    assert found == day.sent["responses"]
    asked = Counter(key.rpartition(" ")[0] for key, number in found.items() for _ in range(int(number)))
    votes = asked.pop("POST /api/votes", 0)
    assert asked == {
        "POST /api/sessions": VISITS,
        "GET /api/properties": len(day.steps_of(Search)),
        "POST /api/chat": len(day.steps_of(Chat)),
        "POST /api/reservations": len(day.steps_of(Reserve)),
        "POST /api/pools/{pool_id}/trades": len(day.steps_of(Trade)),
    }
    assert 0 < votes <= len(day.steps_of(Chat))


@pytest.mark.parametrize("instrument", [names.HTTP_REQUESTS, names.DATABASE_OPERATIONS], ids=lambda each: each.name)
@pytest.mark.shows("K25", "M-B02", "M-B07")
def test_durations_are_seconds_with_a_bound_of_two(stack: ExampleStack, day: Day, instrument: names.Instrument) -> None:
    buckets = stack.by_label(f"sum by (le) ({day.of(instrument.series + '_bucket')})", "le")
    assert {float(bound) for bound in buckets} == {*DURATION_BOUNDS, float("inf")}
    seconds, number = (stack.metric(f"sum({day.of(f'{instrument.series}_{part}')})") for part in ("sum", "count"))
    assert number == buckets["+Inf"]
    assert seconds / number < 5  # milliseconds would be thousands


def test_each_instrument_has_the_name_and_labels_that_dashboards_read(stack: ExampleStack, day: Day) -> None:
    for instrument in OWN:
        series = instrument.series + ("_count" if instrument.kind == "histogram" else "")
        found = stack.prometheus.query(day.of(series))
        assert found, series
        labels = {name.replace(".", "_") for name in instrument.attributes}
        assert all(labels <= sample.labels.keys() for sample in found), series
        bounds = stack.by_label(f"sum by (le) ({day.of(instrument.series + '_bucket')})", "le")
        assert {float(bound) for bound in bounds if bound != "+Inf"} == set(instrument.bounds), series


def test_no_label_names_users_sessions_or_titles(stack: ExampleStack, day: Day) -> None:
    labels = {name for sample in stack.prometheus.query("{service_name='osool'}") for name in sample.labels}
    assert POOL in labels
    assert not {name for name in labels if re.search("user_id|session|trace|title", name)}


@pytest.mark.shows("K30", "M-B13", "M-B14", "M-B15")
def test_trades_add_up_and_slippage_is_weighted_by_volume(stack: ExampleStack, day: Day) -> None:
    trades = day.steps_of(Trade)
    volume = Counter[str]()
    for trade in trades:
        volume[trade.pool_id] += trade.amount_egp
    assert stack.by_label(day.of(names.TRADE_VOLUME.series), POOL) == volume
    # Of a constant product: what comes in by what is then there.
    slips = [trade.amount_egp / (POOLS[trade.pool_id][1] + trade.amount_egp) for trade in trades]
    weighted = sum(slip * trade.amount_egp for slip, trade in zip(slips, trades, strict=True)) / volume.total()
    loss = day.of(names.TRADE_LOSS.series)
    found = stack.metric(f"sum({loss}) / sum({day.of(names.TRADE_VOLUME.series)})")
    assert found == pytest.approx(weighted, rel=1e-9)
    once_each = names.TRADE_SLIPPAGE.series
    assert stack.metric(f"sum({day.of(once_each + '_count')})") == len(trades)
    assert stack.metric(f"sum({day.of(once_each + '_sum')})") == pytest.approx(sum(slips), rel=1e-9)
    below_a_hundredth = stack.metric(f"sum({day.of(once_each + '_bucket', HUNDREDTH)})")
    assert below_a_hundredth == sum(slip <= 0.01 for slip in slips)
    reserve = {pool_id: egp for pool_id, (_, egp) in POOLS.items()}
    for trade in trades:
        reserve[trade.pool_id] += trade.amount_egp if trade.side == "buy" else -trade.amount_egp
    assert stack.by_label(day.of(names.POOL_RESERVE.series), POOL) == reserve


@pytest.mark.shows("M-B12", "K29")
def test_reservations_by_status_and_their_fees(day: Day) -> None:
    declined = Counter(step.card == DECLINED_CARD for step in day.steps_of(Reserve))
    assert declined[True] > 0
    assert day.events["reservation", "completed"] == declined[False]
    assert day.events["reservation", "failed"] == declined[True]
    assert day.fees == declined[False] * 50_000


def test_a_tenth_of_the_reservations_is_declined() -> None:
    cards = Counter(step.card == DECLINED_CARD for step in visitors(1, 4000) if isinstance(step, Reserve))
    assert cards[True] / cards.total() == pytest.approx(0.1, abs=0.02)


@pytest.mark.shows("M-B10", "M-B11", "K29")
def test_sessions_and_searches_are_counted_once(day: Day) -> None:
    assert day.events["session.start", ""] == len(day.steps_of(Begin)) == VISITS
    assert day.events["property.search", ""] == len(day.steps_of(Search)) + day.searches_by_agent


def test_a_trace_goes_from_the_frontend_to_database_and_model(stack: ExampleStack, day: Day) -> None:
    query = '{resource.service.name="osool" && name="execute_tool search_properties"}'
    found = until(lambda: stack.tempo.search(query, limit=1))
    spans = until(lambda: _whole(stack.tempo.trace(found[0].trace_id)))
    by_id = {span.span_id: span for span in spans}

    def way(span: Span) -> list[str]:
        above = by_id.get(span.parent_id)
        return [*(way(above) if above else []), span.name]

    ways = [way(span) for span in spans]
    frontend = ["POST", "POST /api/chat"]
    assert [*frontend, "INSERT osool"] in ways
    assert any(names[:2] == frontend and names[-1] == "chat gpt-4o" for names in ways)
    assert any(names[:2] == frontend and names[-1] == "execute_tool search_properties" for names in ways)
    client = next(span for span in spans if span.name == "POST")
    assert client.parent_id == ""
    assert client.attributes["http.request.method"] == "POST"
    chats = [span for span in spans if span.name == "chat gpt-4o"]
    # The frontend's session reaches the model's calls by baggage.
    assert {span.attributes["session.id"] for span in (*chats, client)} == {client.attributes["session.id"]}
    assert all(span.attributes["gen_ai.usage.input_tokens"] > 1000 for span in chats)


@pytest.mark.shows("K28", "M-B08", "M-B09")
def test_each_breaker_opens_and_counts_failures(stack: ExampleStack, outage: Day) -> None:
    assert stack.by_label(outage.of(names.BREAKER_STATE.series), NAME) == dict.fromkeys(
        ("openai", "blockchain", "paymob"), 2
    )
    failures = stack.by_label(outage.of(names.BREAKER_FAILURES.series), NAME)
    assert all(failures[name] >= 5 for name in ("openai", "blockchain", "paymob"))
    bad_gateway = Counter({key: number for key, number in outage.sent["responses"].items() if key.endswith(" 502")})
    assert sum(failures.values()) == bad_gateway.total()  # a call refused by an open breaker is not a failure
    assert "completed" not in outage.sent["reservations"]
    lines = until(lambda: stack.loki.query_range(f'{{service_name="osool"}} | {names.LOG_BREAKER.label} != ""'))
    assert {line.metadata[names.LOG_BREAKER.label] for line in lines} == {"openai", "blockchain", "paymob"}


def test_breakers_are_closed_on_an_ordinary_day(stack: ExampleStack, day: Day) -> None:
    assert stack.by_label(day.of(names.BREAKER_STATE.series), NAME) == {"openai": 0, "blockchain": 0, "paymob": 0}


@pytest.mark.shows("K26", "M-B06")
def test_connections_that_are_not_given_back_and_slow_statements(stack: ExampleStack, outage: Day) -> None:
    known = set(_instances(stack))
    with _serving(stack, "--fault", "database_connections,slow_database"):
        used = f"max({names.DATABASE_CONNECTIONS.series}{{service_name='osool', state='used'}})"
        assert until(lambda: (number := stack.metric(used)) > 40 and number)
        assert LEAKED <= stack.metric(used) <= POOL_SIZE
        instance = _newest(stack, known)
        slow = Day([], {}, instance, {}, 0, 0)
        number = until(lambda: stack.metric(f"sum({slow.of(names.DATABASE_OPERATIONS.series + '_count', SELECTS)})"))
        within = slow.of(names.DATABASE_OPERATIONS.series + "_bucket", f"{SELECTS}, le='1'")
        assert number
        assert stack.metric(f"sum({within})") == 0


def test_the_past_has_the_same_names_and_an_outage() -> None:
    end = 1_800_000_000.0
    told = history.tell(EXAMPLE, end - 3 * 86_400, end, environment="test")
    again = history.tell(EXAMPLE, end - 3 * 86_400, end, environment="test")
    assert (told.story.spans, told.story.logs) == (again.story.spans, again.story.logs)
    assert told.story.points == again.story.points
    own = {instrument.name: instrument for instrument in names.INSTRUMENTS}
    for point in told.story.points:
        instrument = own[point.metric]
        assert (point.unit, set(point.attributes), point.bounds) == (
            instrument.unit,
            set(instrument.attributes),
            instrument.bounds,
        )
    opened = [point.at for point in told.story.points if point.metric == names.BREAKER_STATE.name and point.value == 2]
    assert opened
    assert all(past.is_out(at) for at in opened)
    assert {log.event for log in told.story.logs} >= {event.name for event in EVENTS}


def test_the_readme_names_each_switch() -> None:
    text = (EXAMPLE_FOLDER / "README.md").read_text()
    assert [name for name in switches.ALL if f"`{name}`" not in text] == []


@contextlib.contextmanager
def _serving(stack: ExampleStack, *arguments: str) -> Iterator[None]:
    """The example with its users, until the block ends."""
    command = [sys.executable, "-m", "examples.common.run", "osool", "--seconds", "600", "--rate", "3", *arguments]
    with subprocess.Popen(
        command,
        env=dict(stack.env),
        cwd=stack.settings.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    ) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def _whole(spans: list[Span]) -> list[Span] | None:
    """A trace arrives in parts."""
    return spans if {"POST", "POST /api/chat", "INSERT osool"} <= {span.name for span in spans} else None


def _instances(stack: ExampleStack) -> list[str]:
    """The processes of Osool that have reported requests."""
    series = "last_over_time(http_server_request_duration_seconds_count{service_name='osool'}[1h])"
    return [each.labels["instance"] for each in stack.prometheus.query(f"group by (instance) ({series})")]


def _newest(stack: ExampleStack, known: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    found = until(lambda: set(_instances(stack)) - known)
    assert len(found) == 1
    return found.pop()
