"""The cost of otelgate's components in the gateway: `make bench-gateway`.

Recorded OpenInference spans with their content (tests/golden) go over OTLP gRPC, in batches as the SDK sends them, to
four Collectors that differ in configuration alone (benchmarks/gateway): `floor` receives and drops; `otelgate`
normalises, prices, derives metrics, keeps their totals on disk, and strips content; `no journal` keeps none on disk;
`ottl` does that job with the transform processor and the signal_to_metrics connector. First a batch goes through
`otelgate` and `ottl` and what comes out is compared: the same spans, costs and metrics. Then they take turns, in an
order that changes each round. Counted is the CPU time of the Collector's process (all threads, garbage collection too),
so that a busy machine changes little. Printed are medians over the rounds with their 95 % intervals (bootstrap). Needs
Linux and Go.

By Go's own rule a process that keeps little in memory collects its garbage often: `floor` and `ottl` pay more for it
than `otelgate`, which remembers spans. That is what the programs cost as they are. `--heap 256` has all of them collect
at the same size instead, and so counts the components' own work alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from bench_sdk import interval
from gateway_load import Load, Sink, compare
from otelgate_stack.build import golang

HERE = Path(__file__).parent
CONFIGURATIONS = HERE / "gateway"
BINARY = HERE.parent / ".otelgate/bench/gateway"
NAMES = ("floor", "otelgate", "no journal", "ottl")
FILES = {"no journal": "otelgate"}
TARGET_US = 10.0
TARGET_JOURNAL_US = 3.0
TARGET_SHARE = 0.25


def build() -> None:
    print("building the Collector … (some minutes on first use)", flush=True)
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", "-trimpath", "-o", str(BINARY), "."]
    if subprocess.run(command, cwd=CONFIGURATIONS, env=golang.environment()).returncode:
        sys.exit("the Collector could not be built")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Collector:
    """A Collector with one of the configurations; `send` blocks until it has answered."""

    def __init__(
        self, name: str, exporter: str = "nop", sink_port: int = 0, profile: Path | None = None, heap: int | None = None
    ) -> None:
        port = free_port()
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.journal = tempfile.TemporaryDirectory(prefix="bench-", dir=BINARY.parent)
        arguments = [f"--config={CONFIGURATIONS}/{part}.yaml" for part in ("common", FILES.get(name, name))]
        if profile:
            file = (profile / f"{name}.pprof").resolve()
            arguments += [
                f"--config=yaml:extensions::pprof::save_to_file: {file}",
                f"--config=yaml:extensions::pprof::endpoint: 127.0.0.1:{free_port()}",
                "--config=yaml:service::extensions: [pprof]",
            ]
        self.process = subprocess.Popen(
            [BINARY, *arguments],
            env={
                **os.environ,
                **({"GOGC": "off", "GOMEMLIMIT": f"{heap}MiB"} if heap else {}),
                "GATEWAY_PORT": str(port),
                "GATEWAY_METRICS_PORT": str(free_port()),
                "GATEWAY_EXPORTER": exporter,
                "GATEWAY_SINK_PORT": str(sink_port),
                "GATEWAY_JOURNAL": "" if name == "no journal" else self.journal.name,
            },
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
        self._export = self.channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        self._wait(name)

    def _wait(self, name: str) -> None:
        ready = grpc.channel_ready_future(self.channel)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(grpc.FutureTimeoutError):
                return ready.result(timeout=0.2)
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                sys.exit(f"the Collector with {name}.yaml doesn't answer:\n{self.log.read()[-2000:]}")

    def send(self, batch: bytes) -> None:
        self._export(batch, timeout=60)

    def cpu_us(self) -> float:
        """Of the whole process so far: Linux has a clock for each, its number is made of the process's id."""
        return time.clock_gettime_ns(~self.process.pid << 3 | 2) / 1e3

    def stop(self) -> None:
        self.channel.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.journal.cleanup()


@contextlib.contextmanager
def collector(*arguments: Any) -> Iterator[Collector]:
    started = Collector(*arguments)
    try:
        yield started
    finally:
        started.stop()


def check_same_job(load: Load) -> None:
    """Ends the program if the two don't say the same: their CPU times could not be compared."""
    outputs = []
    for name in ("otelgate", "ottl"):
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(Sink())
            stack.enter_context(collector(name, "otlp_grpc", sink.port)).send(load.batch())
            outputs.append(sink.wait(load.spans))
    faults = compare(*outputs)
    if faults:
        sys.exit("otelgate and ottl don't do the same job:\n" + "\n".join(faults[:20]))
    spans, metrics = len(outputs[0].spans), len(outputs[0].metrics)
    print(f"otelgate and ottl agree on {spans} spans ({outputs[0].priced} priced) and {metrics} metrics")


def measure(load: Load, rounds: int, batches: int, profile: Path | None, heap: int | None) -> dict[str, list[float]]:
    """CPU per span in µs, of each round."""
    samples: dict[str, list[float]] = {name: [] for name in NAMES}
    with contextlib.ExitStack() as stack:
        collectors = {name: stack.enter_context(collector(name, "nop", 0, profile, heap)) for name in NAMES}

        def turn(name: str) -> float:
            before = collectors[name].cpu_us()
            for _ in range(batches):
                collectors[name].send(load.batch())
            return (collectors[name].cpu_us() - before) / (batches * load.spans)

        for name in NAMES:  # code and memory get warm
            turn(name)
        chance = random.Random(0)
        for number in range(rounds):
            for name in chance.sample(NAMES, len(NAMES)):
                samples[name].append(turn(name))
            if sys.stderr.isatty():
                print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            print(file=sys.stderr)
    return samples


def line(title: str, values: list[float], unit: str, target: float | None = None) -> dict[str, Any]:
    median, (low, high) = statistics.median(values), interval(values)
    verdict = "" if target is None else f"target at most {target:g}: {'met' if median <= target else 'NOT MET'}"
    print(f"{title:34} {median:7.2f} [{low:6.2f}, {high:6.2f}] {unit:9} {verdict}".rstrip())
    return {"median": median, "low": low, "high": high} | ({} if target is None else {"target": target})


def report(samples: dict[str, list[float]]) -> dict[str, Any]:
    figures = {name: line(name, samples[name], "µs a span") for name in NAMES}
    ours = [a - b for a, b in zip(samples["otelgate"], samples["floor"], strict=True)]
    theirs = [a - b for a, b in zip(samples["ottl"], samples["floor"], strict=True)]
    figures["otelgate adds"] = line("otelgate adds", ours, "µs a span", TARGET_US)
    figures["ottl adds"] = line("ottl adds", theirs, "µs a span")
    journal = [a - b for a, b in zip(samples["otelgate"], samples["no journal"], strict=True)]
    figures["the journal adds"] = line("the journal adds", journal, "µs a span", TARGET_JOURNAL_US)
    shares = [a / b for a, b in zip(ours, theirs, strict=True)]
    figures["share"] = line("otelgate adds / ottl adds", shares, "", TARGET_SHARE)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each configuration (default 7)")
    parser.add_argument("--batches", type=int, default=400, help="batches of 128 spans in a turn (default 400)")
    parser.add_argument("--profile", type=Path, metavar="DIR", help="write a CPU profile of each Collector there")
    parser.add_argument("--heap", type=int, metavar="MIB", help="collect garbage at this size, in all of them alike")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")
    arguments = parser.parse_args()
    build()
    load = Load(HERE.parent / "tests/golden")
    check_same_job(load)
    spans = arguments.batches * load.spans
    print(f"{arguments.rounds} rounds of {spans} spans, {load.size:.0f} bytes each", flush=True)
    if arguments.profile:
        arguments.profile.mkdir(parents=True, exist_ok=True)
    figures = report(measure(load, arguments.rounds, arguments.batches, arguments.profile, arguments.heap))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
