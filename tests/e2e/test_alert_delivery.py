"""The three faults whose alerts must be delivered within 2 minutes: an application, a database, too many sessions.

Rules hold for FOR_S here; the way from fault to notification is the real one. That what is set leaves time for the
rules' own minute: tests/alerting/test_alerting_config.py. `make test-report` shows what it took.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import thrown_away
from alert_watch import Watch, watched
from otelgate_stack import ports, settings
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from waiting import until

pytestmark = pytest.mark.slow

FOR_S = 10
SEATS = 12
"""More concurrent sessions than this are an overload of bestbox."""
LONG_S = 300
"""How long a notification is waited for at all; how long it took is printed."""


@dataclass(frozen=True)
class Thrown:
    """The faults, all at work, and when each began, in Unix seconds."""

    watch: Watch
    killed: float
    silent: float
    flooded: float
    stopped: float


@pytest.fixture(scope="module")
def thrown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thrown]:
    """At one time: an application is killed, the database server of another stops, and people flood a third one,
    whose model stops as well."""
    folder = tmp_path_factory.mktemp("w")
    with watched(folder, for_s=FOR_S) as watch:
        watch.start("estate_bot", "", "--rate", "0.2")
        other = settings.load({**watch.env, **ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "d")})
        database = NativeEngine(other, Report(), services=["postgres"])
        database.up()
        try:
            watch.probe("shop", "database", f"127.0.0.1:{other.postgres_port}")
            flooded = watch.start("bestbox", "session_flood,llm_down", "--fault-after", "20")
            assert until(lambda: watch.listens("bestbox", "llm"))
            assert until(lambda: not watch.listens("bestbox", "llm"), deadline_s=180)
            silent = time.time()
            assert until(lambda: watch.answers("estate-bot") and watch.answers("shop"), deadline_s=180)
            killed = watch.kill("estate_bot")
            stopped = time.time()
            database.stop("postgres")
            yield Thrown(watch, killed, silent, flooded, stopped)
        finally:
            thrown_away.end(other)


Record = Callable[[str, object], None]


@pytest.mark.shows("L1", "F16", "K36")
def test_an_application_dies(thrown: Thrown, record_property: Record) -> None:
    record_property("measured", str(thrown.watch.measure("ServiceDown", "estate-bot", thrown.killed, LONG_S)))


@pytest.mark.shows("L1", "K39", "KPI20")
def test_a_model_stops(thrown: Thrown, record_property: Record) -> None:
    record_property("measured", str(thrown.watch.measure("ServiceDown", "bestbox", thrown.silent, LONG_S)))


@pytest.mark.shows("L2", "KPI20")
def test_a_database_stops(thrown: Thrown, record_property: Record) -> None:
    record_property("measured", str(thrown.watch.measure("DatabaseDown", "shop", thrown.stopped, LONG_S)))


@pytest.mark.shows("L28", "KPI20")
def test_too_many_sessions(thrown: Thrown, record_property: Record) -> None:
    """The fault is the session that is one too many: the end of its first turn, when the audit trail has it."""
    row = thrown.watch.measure("SessionsOverload", "bestbox", thrown.flooded, LONG_S)
    sessions = "SELECT extract(epoch FROM first_seen) FROM audit.sessions WHERE service = 'bestbox' ORDER BY 1"
    began = [float(first) for (first,) in thrown.watch.sql(sessions)]
    record_property("measured", str(replace(row, thrown=began[SEATS])))
