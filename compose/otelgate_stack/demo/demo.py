"""`make demo`: runs the example agent as its users would, and reads back from every store what arrived."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from .. import target
from ..errors import StackError
from ..report import Report
from ..settings import Settings, find_root
from . import demo_view
from .freshness import watch
from .runs import CAPTURE, SERVICE, Run, Stores

DEADLINE_S = 30.0
"""How long a store may take for one run, unless `--wait` says otherwise."""


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
    script = find_root() / "examples" / "demo" / "agent.py"
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
