"""Counts and rows side by side: a Prometheus made up here, which answers what a gateway would have written."""

import json
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from commands_page import documented
from otelgate_audit import settings
from otelgate_audit.model import partitions
from otelgate_audit.reconcile import command, comparison, counted, windows
from otelgate_audit.reconcile.quantities import CALLS, COST, QUANTITIES, RUNS, Quantity

from ..command_options import options

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""A full five minutes; every test's clock begins here."""
NOTHING_BEFORE = START - timedelta(minutes=30)
SHOP = (("instance", "gateway"), ("service_name", "shop"))


def us(seconds: float) -> int:
    return round((START.timestamp() + seconds) * 1_000_000)


@dataclass
class Prometheus:
    """Answers the two queries of counted.py from samples (seconds after START, value) of each quantity's counter."""

    of: dict[str, dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]] = field(
        default_factory=lambda: {quantity.metric: {} for quantity in QUANTITIES}
    )
    url: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def samples(self) -> dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]:
        """Those of runs."""
        return self.of[RUNS.metric]

    def counts(
        self,
        runs: Iterable[float],
        until_s: float,
        *,
        labels: object = SHOP,
        delay_s: float = 0.0,
        quantity: Quantity = RUNS,
        each: float = 1,
    ) -> None:
        """The samples that a gateway writes from the first run on: a zero, each second what changed, all each 15 s."""
        counted = sorted(run + delay_s for run in runs)
        written = self.of[quantity.metric].setdefault(labels, [])  # type: ignore[arg-type]
        value = 0.0
        for tick in range(int(counted[0]) + 1, int(until_s)):
            total = sum(each for run in counted if run <= tick)
            if not value and total:
                written.append((tick - 0.001, 0))
            if total > value or (total and tick % 15 == 0):
                written.append((tick, total))
            value = total

    def answer(self, query: str, time_s: float) -> list[dict[str, object]]:
        self.asked.append(query)
        at = time_s - START.timestamp()
        selected = re.fullmatch(r"(\w+)\[(\d+)ms\]", query)
        earlier = re.fullmatch(r"last_over_time\((\w+)\[1d\]\)", query)
        asked = selected or earlier
        assert asked
        width = int(selected[2]) / 1000 if selected else 86_400
        found = []
        for labels, samples in self.of[asked[1]].items():
            inside = [[START.timestamp() + t, str(v)] for t, v in samples if at - width < round(t, 3) <= round(at, 3)]
            if inside:
                metric = {"__name__": asked[1], **dict(labels)}
                found.append({"metric": metric, **({"values": inside} if selected else {"value": inside[-1]})})
        return found


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    fake = Prometheus()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = parse_qs(parts.query)
            assert parts.path == "/api/v1/query"
            result = fake.answer(asked["query"][0], float(asked["time"][0]))
            body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield fake
        server.shutdown()


@dataclass
class Store:
    """The database, and what is compared with it."""

    connection: psycopg.Connection
    settings: settings.Settings
    stored: int = 0

    def runs(self, received: Iterable[float], service: str = "shop", **columns: str) -> None:
        values = {"operation": "invoke_agent", "duplicate_of": None, **columns}
        for seconds in received:
            self.stored += 1
            self.connection.execute(
                "INSERT INTO audit.runs (start_time, trace_id, span_id, service, duration_us, status, operation,"
                " duplicate_of, received_at) VALUES (%s, %s, 's', %s, 1, 'ok', %s, %s, %s)",
                [START, f"{self.stored:032x}", service, values["operation"], values["duplicate_of"], moment(seconds)],
            )
        self.connection.commit()

    def calls(
        self, received: Iterable[float | None], cost: str | None = "0.000608", service: str = "shop", **columns: str
    ) -> None:
        for seconds in received:
            self.stored += 1
            at = None if seconds is None else moment(seconds)
            self.connection.execute(
                "INSERT INTO audit.model_calls (start_time, trace_id, span_id, service, duration_us, status, operation,"
                " duplicate_of, cost_usd, received_at) VALUES (%s, %s, 's', %s, 1, 'ok', 'chat', %s, %s, %s)",
                [START, f"{self.stored:032x}", service, columns.get("duplicate_of"), cost, at],
            )
        self.connection.commit()

    def reject(
        self,
        arrived: float,
        received: float | None = None,
        service: str | None = "shop",
        record: str = "r",
        cost: str | None = None,
    ) -> None:
        """A run; with a cost, a call."""
        self.connection.execute(
            "INSERT INTO content.rejects (arrived_at, signal, service, trace_id, record, run, call, cost_usd, reason,"
            " size, payload, received_at) VALUES (%s, 'traces', %s, 't', %s, %s, %s, %s, 'test', 1, '', %s)",
            [
                *(moment(arrived), service, record, cost is None, cost is not None, cost),
                None if received is None else moment(received),
            ],
        )
        self.connection.commit()

    def check(self, seconds: float, quantity: Quantity = RUNS) -> list[tuple[object, ...]]:
        """One run of the job, in short: minutes of the window, then its numbers."""
        windows = comparison.check(self.connection, self.settings, us(seconds))
        self.connection.commit()
        return [short(window) for window in windows if window.quantity is quantity]

    def written(self, quantity: Quantity = RUNS) -> list[tuple[object, ...]]:
        rows = self.connection.execute(
            "SELECT service, from_time, to_time, counted, stored, rejected, missing, surplus FROM audit.reconciliation"
            " WHERE quantity = %s ORDER BY service, from_time",
            [quantity.name],
        ).fetchall()
        return [(s, (f - START) / MINUTE, (t - START) / MINUTE, *numbers) for s, f, t, *numbers in rows]


MINUTE = timedelta(minutes=1)


def short(window: windows.Window) -> tuple[object, ...]:
    minutes = [(edge - us(0)) / 60_000_000 for edge in (window.from_us, window.to_us)]
    return (window.service, *minutes, *map(window.quantity.number, window.numbers.values()))


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def connection(server: Any, template: str) -> Iterator[psycopg.Connection]:
    """One database for all these tests, which touch few tables: to make one takes longer than most of them."""
    name = "audit_reconcile"
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER otelgate TEMPLATE {template} STRATEGY file_copy")
    url = server.get_uri(database=name).replace("postgres:@", "otelgate@", 1)
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        tables = ("audit.runs", "audit.model_calls")
        partitions.create(connection, [partitions.covering(table, us(0)) for table in tables])
        connection.commit()
        yield connection
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(server: Any, connection: psycopg.Connection, prometheus: Prometheus) -> Store:
    connection.rollback()
    connection.execute("TRUNCATE audit.runs, audit.model_calls, content.rejects, audit.reconciliation")
    connection.execute("UPDATE ledger.head SET committed_at = %s", [NOTHING_BEFORE])
    connection.commit()
    url = server.get_uri(database=connection.info.dbname).replace("postgres:@", "otelgate@", 1)
    return Store(connection, settings.load({"OTELGATE_DATABASE_URL": url, "OTELGATE_PROMETHEUS_URL": prometheus.url}))


STEADY = [0.25 + 0.7 * i for i in range(850)]  # ten minutes


def test_equal(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts(STEADY, 660)
    store.runs(STEADY)
    store.runs([10, 20], operation="invoke_workflow")
    store.runs([30], duplicate_of="s2")
    first, second = store.check(661)
    assert first[:3] == ("shop", 0, 5)
    assert second[:3] == ("shop", 5, 10)
    assert first[3] == first[4]
    assert second[3] == second[4]
    assert first[3] + second[3] == len([run for run in STEADY if run <= 599])
    assert first[5:] == second[5:] == (0, 0, 0)
    assert store.written() == [first, second]
    assert store.check(700) == [], "compared once"


def test_window_closes_a_minute_after_its_end(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10], 400)
    store.runs([10])
    assert store.check(359.9) == []
    assert store.check(360) == [("shop", 0, 5, 1, 1, 0, 0, 0)]


def test_one_row_missing(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts(STEADY, 660)
    store.runs(run for run in STEADY if run != STEADY[100])
    first, second = store.check(661)
    assert first[5:] == (0, 1, 0)
    assert second[5:] == (0, 0, 0)


def test_late_rows_heal(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20, 299.2, 400], 1000)
    store.runs([20])
    assert store.check(361) == [("shop", 0, 5, 3, 1, 0, 2, 0)]
    store.runs([10, 299.2, 400])
    assert store.check(661) == [("shop", 0, 5, 3, 3, 0, 0, 0), ("shop", 5, 10, 1, 1, 0, 0, 0)]
    assert store.written() == [("shop", 0, 5, 3, 3, 0, 0, 0), ("shop", 5, 10, 1, 1, 0, 0, 0)]


def test_loss_is_checked_again_for_a_day(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10], 400)
    assert store.check(361) == [("shop", 0, 5, 1, 0, 0, 1, 0)]
    assert ("shop", 0, 5, 1, 0, 0, 1, 0) in store.check(86_000)
    assert store.check(86_400 + 361) == []
    assert store.written()[0] == ("shop", 0, 5, 1, 0, 0, 1, 0)


def test_surplus_after_counts_were_lost(store: Store, prometheus: Prometheus) -> None:
    """kill -9: the last flush has 3 of 5 runs; the next process begins at a zero."""
    prometheus.counts([10, 20, 30], 60)
    prometheus.counts([100, 110], 400)
    store.runs([10, 20, 30, 59.9, 59.95, 100, 110])
    assert store.check(361) == [("shop", 0, 5, 5, 7, 0, 0, 2)]


def test_reset_without_loss(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20, 30], 60)
    prometheus.counts([70, 80, 90, 95], 400)
    store.runs([10, 20, 30, 70, 80, 90, 95])
    assert store.check(361) == [("shop", 0, 5, 7, 7, 0, 0, 0)]


def test_runs_under_way_at_every_flush_near_the_edge_but_one(store: Store, prometheus: Prometheus) -> None:
    """Each takes 0.6 s from its stamp to its count, and one is stamped 0.3 s before each flush but that at 271."""
    runs = [second + 0.7 for second in range(1, 600) if second != 270]
    prometheus.counts(runs, 660, delay_s=0.6)
    store.runs(runs)
    first, second = store.check(661)
    assert first == ("shop", 0, 5, 269, 269, 0, 0, 0)
    assert second[3] - second[4] in (0, -1), "at its own edge something is under way all the time"


@pytest.mark.parametrize("first", [240.5, 299.5])
def test_first_runs_of_a_service_under_way_at_the_edge_are_in_one_window(
    store: Store, prometheus: Prometheus, first: float
) -> None:
    """Before the edge there is no sample of it, however long it takes to count the run."""
    prometheus.counts([first, 400], 660, delay_s=61)
    store.runs([first, 400])
    assert store.check(661) == [("shop", 5, 10, 2, 2, 0, 0, 0)]


def test_loss_beside_running_runs_stays_in_the_sum(store: Store, prometheus: Prometheus) -> None:
    runs = [second + 0.7 for second in range(1, 1500)]
    prometheus.counts(runs, 1560, delay_s=0.6)
    lost = {runs[298], runs[299], runs[700]}
    store.runs(run for run in runs if run not in lost)
    windows = store.check(1561)
    assert len(windows) == 5
    assert sum(missing - surplus for *_, missing, surplus in windows) in (2, 3), "less what was under way at the end"
    assert sum(missing for *_, missing, _ in windows) >= 2


def test_several_series_and_gateways(store: Store, prometheus: Prometheus) -> None:
    for number, instance in enumerate(("a", "b")):
        for tier in ("free", "pro"):
            labels = (("instance", instance), ("otelgate_tier", tier), ("service_name", "shop"))
            prometheus.counts([5 + number, 100.5, 200.1], 400, labels=labels)
    prometheus.counts([50], 400, labels=(("instance", "a"),))
    prometheus.counts([60], 400, labels=(("instance", "a"), ("otel_metric_overflow", "true")))
    store.runs([5, 5, 6, 6] + 4 * [100.5] + 4 * [200.1])
    store.runs([50], service="unknown_service")
    assert store.check(361) == [("shop", 0, 5, 12, 12, 0, 0, 0), ("unknown_service", 0, 5, 1, 1, 0, 0, 0)]


def test_long_service_names_are_cut_as_the_gateway_cuts_labels(store: Store, prometheus: Prometheus) -> None:
    """As TestLabelsAreShortAndValid of collector/derive has it, beside one that is not cut."""
    whole = "😀" * 100
    cut = "😀" * 95 + "…a060e58f0edd4185"
    for name in (whole, cut):
        prometheus.counts([50], 400, labels=(("service_name", name),))
    store.runs([50], service=whole)
    store.runs([50], service=whole + "a")
    assert store.check(361) == [(name, 0, 5, 1, 1, 0, 0, 0) for name in sorted((cut, whole))]


def test_rejected_is_not_missing(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20, 310], 700)
    store.runs([20])
    store.reject(330, received=10)  # it arrived in the next window, and says that it belongs to the first
    store.reject(340, received=10)  # the same one, sent again
    store.reject(341, record="other")  # says nothing: where it arrived
    store.reject(342, record="call", cost="1")
    first, second = store.check(661)
    assert first == ("shop", 0, 5, 2, 1, 1, 0, 0)
    assert second == ("shop", 5, 10, 1, 0, 1, 0, 0)


def test_reject_of_unreadable_resource_is_no_surplus(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10], 400)
    store.runs([10])
    store.reject(12, service=None)
    assert store.check(361) == [("shop", 0, 5, 1, 1, 0, 0, 0), ("unknown_service", 0, 5, 0, 0, 1, 0, 0)]


def test_while_prometheus_was_away_windows_are_one(store: Store, prometheus: Prometheus) -> None:
    """No sample from 200 s to 700 s: at 300 s and 600 s the count is unknown."""
    prometheus.counts(STEADY, 1000)
    kept = [(t, v) for t, v in prometheus.samples[SHOP] if not 200 < t < 700]
    store.runs(STEADY)
    prometheus.samples[SHOP] = [(t, v) for t, v in kept if t <= 200]
    (first,) = store.check(361)
    assert first[:3] == ("shop", 0, 5)
    assert first[7] == 57, "stored in the 40 s after the last sample, with nothing to show that they were counted"
    prometheus.samples[SHOP] = kept
    assert store.check(961) == [("shop", 0, 15, 850, 850, 0, 0, 0)]
    assert store.written() == [("shop", 0, 15, 850, 850, 0, 0, 0)]


def test_reconcile_handles_gap_that_began_long_before(store: Store, prometheus: Prometheus) -> None:
    """Nothing from 200 s to 6015 s, beyond one part of what is read: the value before it is asked for."""
    runs = [*STEADY, *(3000 + second for second in range(600))]
    prometheus.counts(runs, 7000)
    prometheus.samples[SHOP] = [(t, v) for t, v in prometheus.samples[SHOP] if not 200 < t <= 6000]
    store.runs(runs)
    windows = store.check(6661)
    assert windows[0] == ("shop", 0, 105, 1450, 1450, 0, 0, 0)
    assert all(window[3:] == (0, 0, 0, 0, 0) for window in windows[1:])
    assert "last_over_time(otelgate_run_count_total[1d])" in prometheus.asked


def test_stopped_gateway_is_no_gap(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20], 100)
    prometheus.counts([850], 1000)
    store.runs([10, 20, 850])
    assert store.check(961) == [("shop", 0, 5, 2, 2, 0, 0, 0), ("shop", 10, 15, 1, 1, 0, 0, 0)]


def test_reconcile_handles_series_without_its_zero(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20], 700)
    prometheus.samples[SHOP] = [(t, v) for t, v in prometheus.samples[SHOP] if t > 100]
    store.runs([10, 20])
    assert store.check(361) == [("shop", -30, 5, 2, 2, 0, 0, 0)], "the start of its counting is unknown"


def test_prometheus_away(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10], 400)
    store.runs([10])
    url = "http://127.0.0.1:1"
    away = settings.load({"OTELGATE_DATABASE_URL": store.settings.database_url, "OTELGATE_PROMETHEUS_URL": url})
    with pytest.raises(counted.PrometheusError) as caught:
        comparison.check(store.connection, away, us(361))
    assert str(caught.value) == (
        "OTELGATE_PROMETHEUS_URL='http://127.0.0.1:1': [Errno 111] Connection refused; "
        "expected Prometheus' answer to /api/v1/query, nothing was compared"
    )
    assert store.written() == []
    assert store.check(361) == [("shop", 0, 5, 1, 1, 0, 0, 0)]


def test_begins_after_the_first_commit(store: Store, prometheus: Prometheus) -> None:
    """A gateway that was there before the store counted runs that no sink could take."""
    prometheus.counts([10, 20, 310, 610], 1000)
    store.connection.execute("UPDATE ledger.head SET committed_at = %s", [moment(305)])
    store.runs([610])
    assert store.check(961) == [("shop", 10, 15, 1, 1, 0, 0, 0)]


def test_reconcile_catches_up_one_day_at_most(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10], 400)
    store.runs([10])
    store.check(361)
    late = 3 * 86_400
    prometheus.counts([late - 90_000, late - 1000], late)
    store.runs([late - 90_000, late - 1000])
    windows = store.check(late)
    assert [window for window in windows if window[3]] == [("shop", *minutes(late - 1000), 1, 1, 0, 0, 0)]


def minutes(seconds: float) -> tuple[float, float]:
    first = seconds // 300 * 5
    return first, first + 5


def test_report_of_any_range(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts(STEADY, 660)
    store.runs(run for run in STEADY if run != STEADY[100])
    windows = [short(w) for w in comparison.report(store.connection, store.settings, us(-100), us(650))]
    assert [window[1:3] for window in windows] == [(0, 5), (5, 10), (10, 650 / 60)]
    assert [window[6:] for window in windows] == [(1, 0), (0, 0), (0, 0)]
    assert sum(window[3] for window in windows) == 850
    assert store.written() == []
    assert comparison.report(store.connection, store.settings, us(5), us(5)) == []


def test_calls_and_cost_are_compared_as_runs_are(store: Store, prometheus: Prometheus) -> None:
    """Of a trace whose root never came, the calls are the service's all the same."""
    prometheus.counts(STEADY, 660, quantity=CALLS)
    prometheus.counts(STEADY, 660, quantity=COST, each=0.000608)
    store.calls(call for call in STEADY if call != STEADY[100])
    store.calls([10, 20], duplicate_of="s2")
    assert store.check(661) == []
    first, second = store.written(CALLS)
    assert first[5:] == (0, 1, 0)
    assert second[5:] == (0, 0, 0)
    first, second = store.written(COST)
    assert first[5:] == (0, Decimal("0.000608"), 0)
    assert second[5:] == (0, 0, 0)
    assert store.check(700, CALLS)[0][6:] == (1, 0), "looked at again"
    store.calls([STEADY[100]])
    assert store.check(701, COST)[0][5:] == (0, 0, 0)
    assert store.written(COST)[0][5:] == (0, 0, 0)


def test_call_without_price_costs_nothing(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20], 400, quantity=CALLS)
    prometheus.counts([20], 400, quantity=COST, each=0.25)
    store.calls([10], cost=None)
    store.calls([20], cost="0.25")
    assert store.check(361, CALLS) == [("shop", 0, 5, 2, 2, 0, 0, 0)]
    assert store.written(COST) == [("shop", 0, 5, Decimal("0.25"), Decimal("0.25"), 0, 0, 0)]


@pytest.mark.parametrize(
    ("counted", "stored", "missing", "surplus"),
    [
        (0.1 + 0.2, "0.3", "0", "0"),
        (0.000003, "0.000002", "0", "0"),
        (0.000003001, "0.000002", "0.000001001", "0"),
        (0.000002, "0.000003001", "0", "0.000001001"),
        (30_000.00003, "30000", "0", "0"),
        (30_000.00004, "30000", "0.00004", "0"),
    ],
)
def test_costs_are_equal_but_for_rounding(
    store: Store, prometheus: Prometheus, counted: float, stored: str, missing: str, surplus: str
) -> None:
    prometheus.counts([10], 400, quantity=COST, each=counted)
    store.calls([10], cost=stored)
    (window,) = store.check(361, COST)
    assert window[6:] == (Decimal(missing), Decimal(surplus))


def test_rejected_call_and_its_cost_are_not_missing(store: Store, prometheus: Prometheus) -> None:
    prometheus.counts([10, 20], 400, quantity=CALLS)
    prometheus.counts([10, 20], 400, quantity=COST, each=0.25)
    store.calls([10], cost="0.25")
    store.reject(330, received=20, cost="0.25")
    assert store.check(361, CALLS) == [("shop", 0, 5, 2, 1, 1, 0, 0)]
    quarter = Decimal("0.25")
    assert store.written(COST) == [("shop", 0, 5, 2 * quarter, quarter, quarter, 0, 0)]


def test_calls_of_before_are_left_out_and_named(
    store: Store, prometheus: Prometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus.counts([10], 400, quantity=CALLS)
    prometheus.counts([10], 400, quantity=COST, each=0.000608)
    store.calls([10, None, None])
    store.calls([None], duplicate_of="s2")
    assert run(store) == 0
    told = capsys.readouterr()
    assert told.out == (
        "model calls of shop: counted 1, stored 1, rejected 0, missing 0, surplus 0\n"
        "USD of shop: counted 0.000608, stored 0.000608, rejected 0, missing 0, surplus 0\n"
    )
    assert told.err == (
        "note: 2 model calls of shop have no time of receipt at the gateway (stored before it gave one):"
        " they and their cost were not compared\n"
    )


def run(store: Store, *more: str) -> int:
    """The command over the first five minutes."""
    span = ["--from", "2026-03-02T10:00", "--to", "2026-03-02T11:05+01:00"]
    return command.run(store.settings, options(command, *span, *more))


def test_command(store: Store, prometheus: Prometheus, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(store) == 0
    assert capsys.readouterr().out == "nothing was counted or stored\n"
    prometheus.counts([10, 20], 400)
    prometheus.counts([10, 20], 400, quantity=COST, each=0.1)
    store.runs([10])
    store.calls([10], cost="0.1")
    prometheus.counts([10], 400, quantity=CALLS)
    assert run(store) == 1
    assert capsys.readouterr().out == (
        "2026-03-02T10:00:00Z 2026-03-02T10:05:00Z"
        " runs of shop: counted 2, stored 1, rejected 0, missing 1, surplus 0\n"
        "2026-03-02T10:00:00Z 2026-03-02T10:05:00Z"
        " USD of shop: counted 0.2, stored 0.1, rejected 0, missing 0.1, surplus 0\n"
        "runs of shop: counted 2, stored 1, rejected 0, missing 1, surplus 0\n"
        "model calls of shop: counted 1, stored 1, rejected 0, missing 0, surplus 0\n"
        "USD of shop: counted 0.2, stored 0.1, rejected 0, missing 0.1, surplus 0\n"
    )
    store.runs([20])
    store.connection.execute("UPDATE audit.model_calls SET cost_usd = 0.2")
    store.connection.commit()
    assert run(store, "--json") == 0
    window = {"service": "shop", "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T10:05:00Z"}
    nothing = {"rejected": 0, "missing": 0, "surplus": 0}
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert set(printed[0]) == documented()["audit reconcile"].keys
    assert printed == [
        {**window, "quantity": "runs", "counted": 2, "stored": 2, **nothing},
        {**window, "quantity": "calls", "counted": 1, "stored": 1, **nothing},
        {**window, "quantity": "cost", "counted": 0.2, "stored": 0.2, **nothing},
    ]
    assert run(store, "--to", "2026-03-02T09:00") == 2
    assert capsys.readouterr().err == (
        "--from 2026-03-02T10:00:00Z --to 2026-03-02T09:00:00Z: expected a begin before the end\n"
    )
