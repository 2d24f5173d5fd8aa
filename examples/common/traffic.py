"""Sends what users do to an example, and says exactly what was sent.

    opentelemetry-instrument python -m examples.common.traffic estate_bot --seconds 60

An example describes its users once (`Example.visits`): the same seed gives the same visits, live and in the history.
Live, each visit is acted out against the running application; all visits of one user go through the same thread, so
that their order, and with it every total, is the same at each run.
"""

import argparse
import importlib
import itertools
import json
import logging
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import otelgate

from .faults import FAULTS, Faults, UnknownFault, parse
from .story import Story
from .visit import Visit

APPS = ("estate_bot", "osool", "bestbox", "execora")
WORKERS = 24
_WAIT_S = 60.0
"""How long visits that have begun may take after the end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """The options of an example. `speed` divides every wait; `port` 0 is a free one."""

    seed: int = 1
    speed: float = 1.0
    port: int = 0
    faults: Faults = field(default_factory=Faults)


class Tally:
    """Counts of what was sent, by kind and name, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}

    def add(self, kind: str, name: str, number: float = 1) -> None:
        """`add("tools", "search")`, `add("payments_inr", "upi", 1200.0)`."""
        with self._lock:
            self._counts.setdefault(kind, Counter())[name] += number  # type: ignore[assignment]

    def total(self, kind: str) -> float:
        with self._lock:
            return sum(self._counts.get(kind, {}).values())

    def failed(self) -> int:
        """Steps that met an error: one that was raised, a turn that ended in one, a spoken command that did."""
        with self._lock:
            found = (self._counts.get(kind, Counter()) for kind in ("failed_steps", "failed_turns"))
            return int(sum(count.total() for count in found) + self._counts.get("commands", Counter())["failed"])

    def as_json(self) -> dict[str, dict[str, float]]:
        with self._lock:
            return {kind: dict(sorted(counts.items())) for kind, counts in sorted(self._counts.items())}


class Example:
    """An application and its users; a module `examples.<app>.example` has one as `EXAMPLE`."""

    service: ClassVar[str]
    """Its `service.name`."""
    faults: ClassVar[tuple[str, ...]]
    """The switches of faults.FAULTS that it knows."""
    rate: ClassVar[float] = 1.0
    """Visits a second, when nothing else is asked for."""
    version: ClassVar[str] = "1.0.0"
    history_visits_a_day: ClassVar[int] = 200
    database: ClassVar[str | None] = None
    """The name of the PostgreSQL database that it needs: DATABASE_URL in its environment is the URL."""
    redis: ClassVar[bool] = False
    """Whether it uses the Redis server that REDIS_URL names, if it names one."""

    def running(self, stage: Stage) -> AbstractContextManager[Any]:
        """The application, up and answering; what it yields is `app` below.

        If that has `url`, `/health` is there; if it has `probes`, they are what to probe: kind (api, llm, embeddings,
        qdrant) -> URL.
        """
        raise NotImplementedError

    def visits(self, draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
        """One visit for each moment (Unix seconds, ascending). Lazy: live, moments come as time goes by."""
        raise NotImplementedError

    def act(self, app: Any, visit: Visit, step: Any, tally: Tally) -> None:
        """Do one step against the running application and count what was sent. Runs in a thread."""
        raise NotImplementedError

    def tell(self, visit: Visit, story: Story) -> None:
        """The telemetry of the visit, for the history. Examples without a history leave none."""

    def ambient(self, start: float, end: float, story: Story) -> None:
        """Changes without users between two times: gauges of pools, breakers, memory."""


def load(app: str) -> Example:
    """The example of that name. Raises ValueError for one that there isn't."""
    if app not in APPS:
        raise ValueError(f"APP={app!r}: expected one of {', '.join(APPS)}")
    example: Example = importlib.import_module(f"examples.{app}.example").EXAMPLE
    return example


def moments(draw: random.Random, start: float, per_second: float, faults: Faults) -> Iterator[float]:
    """When users come, without end: a Poisson process; four times as many in a flood, none while traffic drops."""
    at = start
    while True:
        at += draw.expovariate(per_second * (4 if faults("session_flood") else 1))
        yield at


def drive(example: Example, app: Any, options: argparse.Namespace, faults: Faults) -> dict[str, Any]:
    """Act out visits until the time is up, or so many of them. Returns the summary."""
    draw, tally, over = random.Random(f"{example.service} {options.seed}"), Tally(), threading.Event()
    began, start = time.monotonic(), time.time()
    workers = [ThreadPoolExecutor(1, thread_name_prefix=f"user-{number}") for number in range(WORKERS)]
    pending: list[Future[None]] = []
    coming = example.visits(draw, moments(draw, start, options.rate, faults), faults)
    progress = Progress(example.service, tally, None if options.visits else options.seconds)
    for visit in itertools.islice(coming, options.visits):
        # With a number of visits to make, there is no wait; otherwise until it is this visit's turn.
        while not options.visits and (wait := (visit.at - start) / options.speed - (time.monotonic() - began)) > 0:
            progress.show()
            time.sleep(min(wait, 0.25))
            if time.monotonic() - began >= options.seconds:
                break
        if not options.visits and time.monotonic() - began >= options.seconds:
            break
        if faults("traffic_drop"):
            continue
        worker = workers[random.Random(visit.user).randrange(WORKERS)]
        pending.append(worker.submit(_act, example, app, visit, options, tally, over))
    if not options.visits:
        over.set()
    _finish(pending, progress)
    for worker in workers:
        worker.shutdown(wait=False, cancel_futures=True)
    progress.end()
    return {
        "service": example.service,
        "seed": options.seed,
        "started": start,
        "ended": time.time(),
        "faults": sorted(faults.names),
        "sent": tally.as_json(),
    }


class Progress:
    """One line on stderr: rewritten each second on a terminal, every 15 s elsewhere."""

    def __init__(self, service: str, tally: Tally, seconds: float | None) -> None:
        self._service, self._tally, self._seconds = service, tally, seconds
        self._began = self._said = time.monotonic()
        self._live = sys.stderr.isatty()

    def show(self) -> None:
        now = time.monotonic()
        if now - self._said < (1 if self._live else 15):
            return
        self._said = now
        self._print("\r" if self._live else "", "" if self._live else "\n")

    def end(self) -> None:
        self._print("\r" if self._live else "", "\n")

    def _print(self, before: str, after: str) -> None:
        of = f" of {self._seconds:.0f}" if self._seconds else ""
        visits, steps = (int(self._tally.total(kind)) for kind in ("visits", "steps"))
        text = f"{self._service}: {time.monotonic() - self._began:.0f}{of} s, {visits} visits, {steps} steps"
        sys.stderr.write(f"{before}{text}, {self._tally.failed()} failed{after}")
        sys.stderr.flush()


def _act(
    example: Example, app: Any, visit: Visit, options: argparse.Namespace, tally: Tally, over: threading.Event
) -> None:
    if over.is_set():
        return
    tally.add("visits", visit.tier or "all")
    for number, step in enumerate(visit.steps):
        if number and over.wait(visit.pause_s / options.speed if not options.visits else 0):
            return
        tally.add("steps", getattr(step, "kind", type(step).__name__))
        try:
            example.act(app, visit, step, tally)
        except Exception as error:  # a user who meets an error returns
            tally.add("failed_steps", type(error).__name__)
            log.debug("a step failed", exc_info=True)


def _finish(pending: list[Future[None]], progress: Progress) -> None:
    deadline = time.monotonic() + _WAIT_S
    while any(not future.done() for future in pending) and time.monotonic() < deadline:
        progress.show()
        time.sleep(0.05)
    for future in pending:
        if future.done():
            future.result()


@contextmanager
def probed(service: str, app: Any) -> Iterator[None]:
    """While the application runs, say what to probe, as Prometheus' file_sd_configs read it, in EXAMPLE_PROBES_DIR.

    An application that is killed leaves the file, so that its probes fail and an alert fires.
    """
    folder, url = os.environ.get("EXAMPLE_PROBES_DIR"), getattr(app, "url", None)
    probes = getattr(app, "probes", {"api": f"{url}/health"} if url else {})
    if not folder or not probes:
        yield
        return
    file = Path(folder) / f"{service}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    targets = [{"targets": [url], "labels": {"service": service, "kind": kind}} for kind, url in probes.items()]
    draft = file.with_suffix(".draft")  # Prometheus must not read half a file
    draft.write_text(json.dumps(targets, indent=1) + "\n")
    draft.replace(file)
    yield
    file.unlink(missing_ok=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The switches that `make example` and this module share."""
    switches = "; ".join(f"{name}: {text}" for name, text in FAULTS.items())
    parser.add_argument("app", metavar="APP", help=f"one of {', '.join(APPS)}")
    parser.add_argument("--seconds", type=_positive, default=60.0, help="how long users come (default %(default)s)")
    parser.add_argument("--rate", type=_positive, help="visits a second (default: the example's own)")
    parser.add_argument("--fault", default="", metavar="NAME[,NAME]", help=f"what goes wrong. {switches}")
    parser.add_argument("--fault-after", type=float, default=0.0, metavar="S", help="seconds until it does (default 0)")
    parser.add_argument("--fault-until", type=float, default=float("inf"), metavar="S", help="and until it ends")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same users (default 1)")
    parser.add_argument("--speed", type=_positive, default=1.0, help="divides every wait (default 1)")
    parser.add_argument("--visits", type=int, help="make so many visits without a pause, regardless of the time")
    parser.add_argument("--port", type=int, default=0, help="where the application listens (default: a free port)")
    parser.add_argument("--summary", metavar="FILE", help="write the summary there, too")
    parser.add_argument("--verbose", action="store_true", help="show the application's log lines")


def main() -> int:
    """Exit status 0; 2 for a bad argument or variable. The summary is one line of JSON on stdout."""
    parser = argparse.ArgumentParser(prog="python -m examples.common.traffic", description=__doc__.splitlines()[0])
    add_arguments(parser)
    options = parser.parse_args()
    try:
        example = load(options.app)
        names = parse(options.fault, example.faults)
        _must_have_database(example)
    except (ValueError, UnknownFault) as error:
        print(error, file=sys.stderr)
        return 2
    _set_logging(options.verbose)
    options.rate = options.rate or example.rate
    faults, faults_from = Faults(names, options.fault_after, options.fault_until), time.time() + options.fault_after
    with example.running(Stage(options.seed, options.speed, options.port, faults)) as app:
        if url := getattr(app, "url", None):
            print(f"{example.service} answers at {url}", file=sys.stderr, flush=True)
        otelgate.event("deployment", version=example.version)  # a line on every dashboard
        with probed(example.service, app):
            summary = {**drive(example, app, options, faults), "faults_from": faults_from}
    text = json.dumps(summary)
    if options.summary:
        with open(options.summary, "w") as file:
            file.write(text + "\n")
    print(text, flush=True)
    return 0


def _must_have_database(example: Example) -> None:
    url = os.environ.get("DATABASE_URL", "")
    if example.database and not url.startswith("postgresql://"):
        raise ValueError(f"DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/{example.database}")


def _set_logging(verbose: bool) -> None:
    """All of INFO leaves as telemetry; the terminal gets it where asked."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "uvicorn", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    handler = logging.StreamHandler()
    handler.setLevel(logging.INFO if verbose else logging.CRITICAL)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
