"""Execora against the real stack: what its shopkeepers said and did, worked out by hand, is what the stores say."""

import itertools
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from example_stack import ExampleStack
from otelgate_grafana import logql, names
from waiting import until

from examples.common import traffic
from examples.common.faults import Faults
from examples.execora.agents import wanted
from examples.execora.books import UPI_LIMIT_INR
from examples.execora.database import OPENING_INR
from examples.execora.example import EXAMPLE
from examples.execora.shopkeepers import Leave, Look, Register, Speak
from examples.execora.speech import encode, processing_s, seconds_of
from examples.execora.telemetry import AMOUNT_BOUNDS

VISITS, SPEED = 50, 10
CALM_SEED, BAD_SEED = 5, 6
FAULTS = ("websocket_drops", "queue_backlog", "voice_errors", "http_errors")
OWN = (names.WEBSOCKET_ACTIVE, names.WEBSOCKET_CLOSED, names.PAYMENT_AMOUNT, names.QUEUE_PENDING, names.ERRORS,
       names.HTTP_REQUESTS, names.DATABASE_OPERATIONS, names.DATABASE_CONNECTIONS, names.PROCESS_CPU,
       names.PROCESS_MEMORY)  # fmt: skip
OPERATIONS = {"add": "create", "find": "search"}


@dataclass
class Day:
    """One run of `make example`, before it has run and after; and what is in the stores of it alone."""

    visits: list[traffic.Visit]
    sent: dict[str, dict[str, float]]
    started: float
    ended: float
    instance: str
    """Of the process, on the metrics that it measures itself; those that the gateway derives have the gateway's."""
    derived: dict[str, dict[str, float]]
    """Product events by name and value, speech by type: what the gateway counted during this run."""

    def steps(self, kind: type[Any]) -> list[Any]:
        return [step for visit in self.visits for step in visit.steps if isinstance(step, kind)]

    @property
    def understood(self) -> list[str]:
        return [step.text for step in self.steps(Speak) if step.clear]

    def payments(self) -> list[tuple[int, bool]]:
        """Amounts, and whether they were paid: UPI has a limit."""
        found = [wanted(text) for text in self.understood]
        asked = [args for skill, args in filter(None, found) if skill.name == "record_payment"]
        return [(args["amount"], args["method"] != "UPI" or args["amount"] <= UPI_LIMIT_INR) for args in asked]

    def operations(self, thing: str) -> Counter[str]:
        """On invoices or customers, by kind."""
        tools = [skill.name.split("_") for skill, _ in filter(None, map(wanted, self.understood))]
        return Counter(OPERATIONS.get(verb, verb) for verb, about in tools if about == thing)

    def of(self, series: str, more: str = "") -> str:
        return f"{series}{{service_name='execora', instance='{self.instance}'{more}}}"


def visits(seed: int, *faults: str) -> list[traffic.Visit]:
    """The actions of a run's shopkeepers, before the run."""
    draw, switches = random.Random(f"execora {seed}"), Faults(faults)
    return list(
        itertools.islice(EXAMPLE.visits(draw, traffic.moments(draw, 0.0, EXAMPLE.rate, switches), switches), VISITS)
    )


@pytest.fixture(scope="module")
def calm(stack: ExampleStack) -> Day:
    return _run(stack, CALM_SEED)


@pytest.fixture(scope="module")
def bad(stack: ExampleStack, calm: Day) -> Day:
    """A later run, in which much goes wrong."""
    return _run(stack, BAD_SEED, *FAULTS)


@pytest.mark.shows("K33", "M-D05")
def test_rupees_add_up(stack: ExampleStack, calm: Day) -> None:
    paid = [amount for amount, good in calm.payments() if good]
    assert len(paid) > 10
    assert calm.derived["payment"] == dict(Counter("completed" if good else "failed" for _, good in calm.payments()))
    assert stack.metric(calm.of("execora_payment_amount_sum")) == sum(paid)
    assert stack.metric(calm.of("execora_payment_amount_count")) == len(paid)
    assert calm.derived["value of payment"] == {"completed": sum(paid)}
    buckets = stack.by_label(calm.of("execora_payment_amount_bucket"), "le")
    assert {float(bound): number for bound, number in buckets.items()} == {
        bound: sum(amount <= bound for amount in paid) for bound in (*AMOUNT_BOUNDS, float("inf"))
    }


@pytest.mark.shows("K32", "M-D03")
def test_voice_commands_by_status(calm: Day) -> None:
    declined = sum(not good for _, good in calm.payments())
    failed = len(calm.steps(Speak)) - len(calm.understood) + declined
    assert failed > 0
    expected = {"success": len(calm.understood) - declined, "failed": failed}
    assert calm.derived["voice.command"] == expected == calm.sent["commands"]


@pytest.mark.shows("K33", "M-D04")
def test_invoices_and_customers_by_operation(calm: Day) -> None:
    assert calm.derived["invoice"] == calm.operations("invoice")
    typed = Counter(create=len(calm.steps(Register)))
    assert calm.derived["customer"] == calm.operations("customer") + typed


@pytest.mark.shows("K32", "M-D07")
def test_speech_takes_as_long_as_the_audio_makes_it(calm: Day) -> None:
    assert calm.derived["speech"] == {"stt": len(calm.steps(Speak)), "tts": len(calm.understood)}
    wait = sum(processing_s("stt", seconds_of(encode(step.text, step.clear))) for step in calm.steps(Speak)) / SPEED
    assert wait <= calm.derived["speech seconds"]["stt"] <= (calm.ended - calm.started) * len(calm.visits)


@pytest.mark.shows("K09", "KPI19")
def test_each_command_is_one_turn(stack: ExampleStack, calm: Day) -> None:
    """And none for a connection, though many commands come over one."""
    query = (
        "SELECT session_id, user_id, count(*), count(DISTINCT trace_id) FROM audit.turns"
        " WHERE service = 'execora' AND agent = 'execora_assistant' AND started_at BETWEEN to_timestamp(%s)"
        " AND to_timestamp(%s) GROUP BY 1, 2"
    )
    spoken = Counter(
        (_number(visit.session), visit.user) for visit in calm.visits for step in visit.steps if isinstance(step, Speak)
    )

    def look() -> list[tuple[Any, ...]]:
        rows = stack.sql(query, calm.started, calm.ended)
        return rows if sum(row[2] for row in rows) >= spoken.total() else []

    rows = until(look)
    assert {(_number(session), user): commands for session, user, commands, _ in rows} == spoken
    assert all(commands == traces for *_, commands, traces in rows)


@pytest.mark.shows("K31", "M-D02")
def test_websockets_that_break_off_are_counted_by_reason(stack: ExampleStack, calm: Day, bad: Day) -> None:
    for day, abnormal in ((calm, False), (bad, True)):
        hows = Counter(step.how for step in day.steps(Leave))
        assert ("abnormal" in hows) == abnormal
        assert stack.by_label(day.of(names.WEBSOCKET_CLOSED.series), "reason") == hows
        assert stack.metric(day.of(names.WEBSOCKET_ACTIVE.series)) == 0
    broken = Counter(step.how for step in bad.steps(Leave))["abnormal"]
    errors = stack.by_label(bad.of(names.ERRORS.series), "error_type")
    assert errors["WebSocketClosed"] == broken
    lines = until(lambda: _lines(stack, bad, logql.WEBSOCKET_ERRORS.anywhere(), broken))
    assert len(lines) == broken


@pytest.mark.shows("K34", "M-D08")
def test_the_backlog_shows_what_waits(stack: ExampleStack, calm: Day, bad: Day) -> None:
    assert stack.metric(calm.of(names.QUEUE_PENDING.series)) == 0
    waiting = bad.operations("invoice")["send"] + sum(good for _, good in bad.payments())
    assert waiting > 5
    assert stack.metric(bad.of(names.QUEUE_PENDING.series)) == waiting


@pytest.mark.shows("K34", "M-D09")
def test_errors_by_type(stack: ExampleStack, bad: Day) -> None:
    unclear = len(bad.steps(Speak)) - len(bad.understood)
    declined = sum(not good for _, good in bad.payments())
    broken = Counter(step.how for step in bad.steps(Leave))["abnormal"]
    requests = len(bad.steps(Look)) + len(bad.steps(Register))
    refused = -(-requests // 5)  # the first of each five
    expected = {"SpeechNotRecognizedError": unclear, "WebSocketClosed": broken, "500": refused}
    expected |= {"PaymentDeclinedError": declined} if declined else {}
    assert stack.by_label(bad.of(names.ERRORS.series), "error_type") == expected
    failed = bad.of("http_server_request_duration_seconds_count", ", http_response_status_code='500'")
    assert stack.metric(f"sum({failed})") == refused


@pytest.mark.shows("M-D01")
def test_requests_count_by_route_and_status(stack: ExampleStack, calm: Day) -> None:
    found = {
        f"{sample.labels['http_request_method']} {sample.labels['http_route']} "
        f"{sample.labels['http_response_status_code']}": sample.value
        for sample in stack.prometheus.query(calm.of("http_server_request_duration_seconds_count"))
    }
    assert found == calm.sent["responses"]
    assert sum(found.values()) == len(calm.steps(Look)) + len(calm.steps(Register))


def test_each_instrument_has_the_name_and_labels_that_dashboards_read(stack: ExampleStack, bad: Day) -> None:
    for instrument in OWN:
        series = instrument.series + ("_count" if instrument.kind == "histogram" else "")
        found = stack.prometheus.query(bad.of(series))
        assert found, series
        labels = {name.replace(".", "_") for name in instrument.attributes}
        assert all(labels <= sample.labels.keys() for sample in found), series
        bounds = stack.by_label(f"sum by (le) ({bad.of(instrument.series + '_bucket')})", "le")
        assert {float(bound) for bound in bounds if bound != "+Inf"} == set(instrument.bounds), series


def test_no_label_names_users_or_sessions(stack: ExampleStack, calm: Day) -> None:
    labels = {name for sample in stack.prometheus.query("{service_name='execora'}") for name in sample.labels}
    assert "operation" in labels
    assert not {name for name in labels if re.search("user_id|session|trace|shop", name)}


def test_log_lines_of_invoices_and_of_large_amounts(stack: ExampleStack, calm: Day) -> None:
    invoices = calm.operations("invoice").total()
    found = until(lambda: _lines(stack, calm, logql.INVOICES.anywhere(), invoices))
    assert len(found) == invoices
    assert all(re.fullmatch(r"Invoice \d+ (created|updated|sent|cancelled)", line.line) for line in found)
    assert all(float(line.metadata["amount_inr"]) > 0 for line in found)
    amounts = sorted(amount for amount in _amounts(calm) if amount > 10_000)
    assert amounts
    large = until(lambda: _lines(stack, calm, logql.LARGE_AMOUNTS.anywhere(), len(amounts)))
    assert sorted(float(line.metadata["amount_inr"]) for line in large) == amounts


def _run(stack: ExampleStack, seed: int, *faults: str) -> Day:
    known, before = _instances(stack), _derived(stack)
    arguments = ("--visits", str(VISITS), "--speed", str(SPEED), "--seed", str(seed))
    summary = stack.example("execora", *arguments, *(("--fault", ",".join(faults)) if faults else ()))
    planned = visits(seed, *faults)
    instance = until(lambda: "".join(_instances(stack) - known))
    spoken = sum(isinstance(step, Speak) for visit in planned for step in visit.steps)

    def arrived() -> bool:
        grown = _grown(before, _derived(stack))
        return all(sum(found.values()) >= spoken for found in (grown["voice.command"], grown["speech"]))

    until(arrived)
    return Day(
        planned, summary["sent"], summary["started"], summary["ended"], instance, _grown(before, _derived(stack))
    )


def _instances(stack: ExampleStack) -> set[str]:
    return set(stack.by_label("process_cpu_time_seconds_total{service_name='execora', type='user'}", "instance"))


def _derived(stack: ExampleStack) -> dict[str, dict[str, float]]:
    def ask(series: str, label: str, where: str = "") -> dict[str, float]:
        return stack.by_label(f"sum by ({label}) ({series}{{service_name='execora'{where}}})", label)

    found = {
        event: ask("otelgate_event_count_total", label, f", event_name='{event}'")
        for event, label in {
            "voice.command": "status", "payment": "status", "invoice": "operation", "customer": "operation",
        }.items()
    }  # fmt: skip
    found["value of payment"] = ask("otelgate_event_value_total", "status", ", event_name='payment'")
    found["speech"] = ask("otelgate_speech_duration_seconds_count", "type")
    found["speech seconds"] = ask("otelgate_speech_duration_seconds_sum", "type")
    return found


def _grown(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        kind: {
            name: value - before[kind].get(name, 0)
            for name, value in values.items()
            if value > before[kind].get(name, 0)
        }
        for kind, values in after.items()
    }


def _lines(stack: ExampleStack, day: Day, query: str, number: int) -> list[Any]:
    """The lines of that run; none while there are fewer than so many."""
    asked = query.replace(logql.EVERYTHING, '{service_name="execora"}') + f' | service_instance_id="{day.instance}"'
    found = stack.loki.query_range(asked)
    return found if len(found) >= number else []


def _amounts(day: Day) -> list[int]:
    """On each line about an invoice or a payment: the amount that the invoice has by then."""
    found, last = [], {}
    for visit in day.visits:
        for step in visit.steps:
            if not isinstance(step, Speak) or not step.clear or not (command := wanted(step.text)):
                continue
            skill, args = command
            if skill.name == "record_payment":
                found.append(args["amount"])
            elif skill.name.endswith("_invoice"):
                who = visit.user, args["customer"]
                last[who] = args.get("amount", last.get(who, OPENING_INR))
                found.append(last[who])
    return found


def _number(session: str) -> str:
    return session.rpartition("-")[2]
