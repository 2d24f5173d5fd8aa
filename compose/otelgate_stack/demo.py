"""`make demo`: runs the example agent as its users would, and reads back from every store what arrived."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import demo_view, target
from .audit_store import AuditStore
from .errors import StackError
from .freshness import Arrival, Look, slowest, watch
from .report import Report
from .settings import Settings
from .stores import Jaeger, Loki, Prometheus, Span, Tempo

SERVICE = "bike-shop"
ROOT_SPAN = "invoke_agent bike_shop"
METRIC = "demo_answers_total"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The agent sends questions and answers along: the gateway gives them to the audit store alone."""

DEADLINE_S = 30.0
"""How long a store may take for one run, unless `--wait` says otherwise."""
ANSWERED = ("answered with", "apologised with")
"""How the agent's last log line of a run begins."""


@dataclass(frozen=True)
class Run:
    """One agent process that did one run: what it said, and when each store had it."""

    instance: str
    seed: int
    question: str
    answer: str
    trace_id: str
    arrivals: Mapping[str, Arrival]

    @property
    def missing(self) -> list[str]:
        """The stores that didn't have all of it by the deadline, with the reason."""
        return [f"{name}: {found.problem}" for name, found in self.arrivals.items() if found.seconds is None]

    @property
    def queryable_s(self) -> float | None:
        """Seconds from the run's end until every store answered with it."""
        return slowest(list(self.arrivals.values()))


@dataclass(frozen=True)
class Stores:
    """The stores of one stack. Traces go to Tempo, Jaeger or both; conversations to PostgreSQL, unless that is off."""

    prometheus: Prometheus
    loki: Loki
    tempo: Tempo | None
    jaeger: Jaeger | None
    audit: AuditStore | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Stores":
        return cls(
            prometheus=Prometheus.of(settings),
            loki=Loki.of(settings),
            tempo=Tempo.of(settings) if settings.traces_to != "jaeger" else None,
            jaeger=Jaeger.of(settings) if settings.traces_to != "tempo" else None,
            audit=AuditStore(settings) if settings.audit else None,
        )

    def trace(self, trace_id: str) -> list[Span]:
        """The trace from Tempo, or from Jaeger where there is no Tempo."""
        store = self.tempo or self.jaeger
        return store.trace(trace_id) if store else []

    def looks(self, instance: str, trace_id: str) -> dict[str, Callable[[], Look]]:
        """For each store, the query that a person would ask for this run."""
        looks: dict[str, Callable[[], Look]] = {}
        if self.tempo:
            looks["Tempo, by trace id"] = partial(_look_trace, self.tempo, trace_id)
            looks["Tempo, by TraceQL search"] = partial(_look_search, self.tempo, instance, trace_id)
        if self.jaeger:
            looks["Jaeger, by trace id"] = partial(_look_trace, self.jaeger, trace_id)
        looks["Loki"] = partial(_look_logs, self.loki, trace_id)
        looks["Prometheus"] = partial(_look_metric, self.prometheus, instance)
        if self.audit:
            looks["PostgreSQL"] = partial(_look_row, self.audit, trace_id)
        return looks


def log_query(trace_id: str) -> str:
    """LogQL for the log lines of one trace."""
    return f'{{service_name="{SERVICE}"}} | trace_id="{trace_id}"'


def trace_query(instance: str) -> str:
    """TraceQL for the runs of one agent process, found by their root span."""
    return f'{{ resource.service.instance.id = "{instance}" && name = "{ROOT_SPAN}" }}'


def _look_trace(store: Tempo | Jaeger, trace_id: str) -> Look:
    spans = store.trace(trace_id)
    known = {span.span_id for span in spans} | {""}
    whole = any(not span.parent_id for span in spans) and all(span.parent_id in known for span in spans)
    return Look(len(spans), whole)


def _look_search(tempo: Tempo, instance: str, trace_id: str) -> Look:
    found = [trace for trace in tempo.search(trace_query(instance)) if trace.trace_id == trace_id]
    return Look(len(found), bool(found))


def _look_logs(loki: Loki, trace_id: str) -> Look:
    lines = loki.query_range(log_query(trace_id))
    return Look(len(lines), any(line.line.startswith(ANSWERED) for line in lines))


def _look_metric(prometheus: Prometheus, instance: str) -> Look:
    answers = prometheus.value(f'sum({METRIC}{{instance="{instance}"}})') or 0
    return Look(int(answers), answers == 1)


def _look_row(audit: AuditStore, trace_id: str) -> Look:
    """Complete with the run itself, which ends last, and the vote on it."""
    for row in audit.conversations([trace_id]):
        items = row["runs"] + row["model_calls"] + row["tool_calls"] + (row["rating"] is not None)
        return Look(items, row["status"] is not None and row["rating"] is not None)
    return Look(0, False)


def run(settings: Settings, report: Report, *, as_json: bool = False, runs: int = 5, wait_s: float = DEADLINE_S) -> int:
    """Run the agent `runs` times against a stack that is up, and print what arrived within `wait_s` seconds of each.

    Returns the exit status: 0 when every store has every run, else 1. Raises StackError when the agent itself fails.
    """
    if runs < 1:
        raise StackError(f"--runs={runs}: expected at least 1")
    if not wait_s > 0:
        raise StackError(f"--wait={wait_s:g}: expected more than 0 seconds")
    progress = Report(sys.stderr) if as_json else report
    where = target.find(settings)
    stores = Stores.of(settings)
    demo_view.opening(where, runs, progress)
    prefix = f"demo-{uuid.uuid4().hex[:8]}"
    done = []
    for seed in range(runs):
        done.append(_run_agent(f"{prefix}-{seed + 1}", seed, where, stores, wait_s))
        demo_view.progress(done[-1], progress)
    shown = demo_view.Found.read(stores, done, prefix)
    if as_json:
        report.line(json.dumps(demo_view.as_json(done, shown), indent=2))
    else:
        demo_view.show(done, shown, settings, report)
    return 1 if any(run.missing for run in done) else 0


def _run_agent(instance: str, seed: int, where: target.Target, stores: Stores, wait_s: float) -> Run:
    """One agent process; the stores are watched from the moment its run ended, while it still flushes and exits."""
    script = Path(__file__).resolve().parents[2] / "examples" / "demo" / "agent.py"
    command = [_instrument(), sys.executable, str(script), "--runs", "1", "--seed", str(seed), "--json"]
    environment = agent_environment(where, instance, wait_s)
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        said = json.loads(process.stdout.readline() or "{}")
        if said.get("trace_id"):
            arrivals = watch(stores.looks(instance, said["trace_id"]), said["ended_unix_nano"], wait_s)
        status = process.wait()
        errors.seek(0)
        log = errors.read()[-3000:]
    if status or not said:
        raise StackError(f"the agent failed with exit status {status}:\n{log}")
    if not said["trace_id"]:
        raise StackError(f"the agent ran without telemetry; it said:\n{log}")
    return Run(instance, seed, said["question"], said["answer"], said["trace_id"], arrivals)


def agent_environment(where: target.Target, instance: str, wait_s: float) -> dict[str, str]:
    """This process's environment without its own `OTEL_*` and `OTELGATE_*`, and the standard variables of a user.

    At its end the agent waits for the gateway as long as the demo waits for the stores.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTELGATE_"))}
    # An instance id tells this demo's processes from earlier ones; a service under a scheduler has one as well.
    resource = f"service.instance.id={instance},deployment.environment.name=demo"
    own = {
        "OTEL_SERVICE_NAME": SERVICE,
        "OTEL_RESOURCE_ATTRIBUTES": resource,
        CAPTURE: "true",
        "OTELGATE_EXIT_TIMEOUT": f"{wait_s * 1000:.0f}",
    }
    return {**clean, **own, **where.environment()}


def _instrument() -> str:
    """`opentelemetry-instrument` of this very Python environment."""
    return str(Path(sys.executable).with_name("opentelemetry-instrument"))
