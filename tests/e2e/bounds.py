"""A gateway process with stores that count what they receive, for tests that would break a shared gateway.

The stores accept everything, or nothing while they are `away`. Each sent span has its own name, so that missing ones
can be named, too.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import remote_write
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from otelgate_stack import ports, web

ROOT = Path(__file__).resolve().parents[2]
EXPORT = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
NAME = re.compile(rb"(?:run|line)-[0-9a-f]+-\d+")
WAIT = "BENCH_WAIT"
PLAIN = (
    "yaml:{exporters: {otlp_grpc/tempo: {compression: none}, otlp_http/loki: {compression: none}},"
    f" extensions: {{store_answers/tempo: {{wait: '${{env:{WAIT}:-0s}}'}}}}}}"
)
"""Python's gRPC reads no snappy, and Loki's lines are looked for as they are. A store has what it answered for, unless
a test sets WAIT."""
RUNS, EVENTS, STEPS = "otelgate_run_count_total", "otelgate_event_count_total", "bounds_steps_total"


class Names:
    """The names in the requests that a store took.

    While it is `away`, a store answers with `code` over gRPC and `status` over HTTP. Requests with a name that is `bad`
    it refuses for good, those with one for `later` for now.
    """

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.bad: set[bytes] = set()
        self.later: set[bytes] = set()
        self.twice: set[bytes] = set()
        """Those that came in more than one request."""
        self.away = False
        self.code = grpc.StatusCode.UNAVAILABLE
        self.status = 503
        self.refused = 0

    def answer(self, body: bytes) -> tuple[grpc.StatusCode, int] | None:
        """The refusal of a request, over gRPC and HTTP; None if it is taken."""
        names = set(NAME.findall(body))
        if self.away:
            return self.code, self.status
        if names & self.bad:
            return grpc.StatusCode.INVALID_ARGUMENT, 400
        return (grpc.StatusCode.RESOURCE_EXHAUSTED, 429) if names & self.later else None

    def note(self, body: bytes) -> None:
        new = set(NAME.findall(body))
        self.twice |= new & self.names
        self.names |= new


class Sink(Names, grpc.GenericRpcHandler):
    """An OTLP gRPC store that keeps the names of the spans and lines that it took."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.start()

    def start(self) -> None:
        """On the port that it had before, if any."""
        self.server = grpc.server(
            ThreadPoolExecutor(4), handlers=(self,), options=[("grpc.max_receive_message_length", 32 << 20)]
        )
        self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def lose_all(self) -> None:
        """End as a store that had everything in memory, and start again."""
        self.server.stop(0).wait()
        self.names.clear()
        self.start()

    def service(self, details: Any) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._export)  # bytes, as they are

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        if refusal := self.answer(body):
            self.refused += 1
            context.abort(refusal[0], f"refused: {body[100:400]!r}")
        self.note(body)
        return b""


class Takers(Names, ThreadingHTTPServer):
    """Loki and Prometheus, which keep the names of the lines and the totals that they took."""

    def __init__(self) -> None:
        Names.__init__(self)
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), _Taker)
        self._totals: dict[str, dict[bytes, float]] = {metric: {} for metric in (RUNS, EVENTS, STEPS)}
        self._lock = threading.Lock()

    def take(self, path: str, body: bytes) -> None:
        if "/otlp/" in path:
            self.note(body)
            return
        written = remote_write.unpacked(body)
        with self._lock:
            for metric, kept in self._totals.items():
                for series, value in remote_write.totals(written, metric):
                    kept[series] = max(kept.get(series, 0), value)  # in this order, as a staleness marker is a NaN

    def total(self, metric: str) -> float:
        """The sum over a counter's series."""
        with self._lock:
            return sum(self._totals[metric].values())


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Takers

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refusal = self.server.answer(body)
        if refusal:
            self.server.refused += 1
        else:
            self.server.take(self.path, body)
        self.send_response(refusal[1] if refusal else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Bench:
    """The stores, and a gateway that can be started again on the same folder."""

    def __init__(self, binary: Path, folder: Path, data: Path | None = None, **settings: str) -> None:
        self.tempo, self.audit = Sink(), Sink()
        self.others = Takers()
        threading.Thread(target=self.others.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.others.server_port}"
        self.log = folder / "gateway.log"
        self.data = data or folder / "data"
        # Copies, so that a test may spoil them.
        self.config = Path(shutil.copytree(ROOT / "collector/config", folder / "config"))
        self._binary = binary
        self.env = {
            "PATH": os.environ["PATH"],
            **{name: value for name, value in ports.free_env().items() if name in GATEWAY_PORTS},
            "OTELGATE_DATA_DIR": str(self.data),
            "OTELGATE_TEMPO_ENDPOINT": f"127.0.0.1:{self.tempo.port}",
            "OTELGATE_AUDIT_ENDPOINT": f"127.0.0.1:{self.audit.port}",
            "OTELGATE_LOKI_ENDPOINT": f"{url}/otlp",
            "OTELGATE_PROMETHEUS_ENDPOINT": f"{url}/api/v1/write",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.refusal = ""
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.env['OTELGATE_GRPC_PORT']}")

    def start(self, **settings: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self._binary), f"--config={self.config}", f"--config={PLAIN}"],
                env={**self.env, **settings},
                stdout=log,
                stderr=log,
            )
        self.wait_until_healthy()

    def wait_until_healthy(self, deadline_s: float = 120) -> None:
        url = f"http://127.0.0.1:{self.env['OTELGATE_HEALTH_PORT']}/"
        deadline = time.monotonic() + deadline_s
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if web.get(url).is_success:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the gateway did not become healthy; its log ends with:\n{self.said()[-3000:]}")

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """The exit status."""
        assert self.process is not None
        self.process.send_signal(by)
        status = self.process.wait(120)
        self.process = None
        return status

    def close(self) -> None:
        if self.process is not None:
            self.end(signal.SIGKILL)
        self.channel.close()
        self.others.shutdown()
        for sink in (self.tempo, self.audit):
            sink.server.stop(0)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric of the gateway's own."""
        text = web.get(f"http://127.0.0.1:{self.env['OTELGATE_METRICS_PORT']}/metrics").text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [line for line in text.splitlines() if re.match(rf"{name}(_total)?[{{ ]", line)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(each in line for each in wanted))

    def send(self, request: bytes, timeout_s: float = 30, signal: str = "trace") -> grpc.StatusCode:
        """The gateway's answer."""
        call = self.channel.unary_unary(EXPORT.format(signal, signal.capitalize()))
        try:
            call(request, timeout=timeout_s)
        except grpc.RpcError as error:
            self.refusal = str(error.details())
            return error.code()  # type: ignore[no-any-return]
        return grpc.StatusCode.OK

    def post(self, request: bytes) -> httpx.Response:
        return web.post(
            f"{self.http_url}/v1/traces",
            content=request,
            headers={"Content-Type": "application/x-protobuf"},
        )

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.env['OTELGATE_HTTP_PORT']}"

    def rss_mib(self, peak: bool = False) -> float:
        """Resident memory, the largest since the start with `peak`."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def cpu_s(self) -> float:
        assert self.process is not None
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)


GATEWAY_PORTS = [f"OTELGATE_{name}_PORT" for name in ("GRPC", "HTTP", "HEALTH", "METRICS", "SELF")]


@contextmanager
def bench(binary: Path, folder: Path, data: Path | None = None, **settings: str) -> Iterator[Bench]:
    made = Bench(binary, folder, data, **settings)
    try:
        yield made
    finally:
        made.close()


def runs(name: str, count: int, size: int) -> tuple[bytes, set[bytes]]:
    """A request of agents' runs with `size` bytes of words each, and the names of its spans."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "bounds"
    resource.resource.attributes.add(key="otelgate.content").value.bool_value = True  # or the queues get no words
    spans = resource.scope_spans.add().spans
    now = time.time_ns()
    for number in range(count):
        span = spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name=f"run-{name}-{number}")
        span.start_time_unix_nano, span.end_time_unix_nano = now - 1_000_000, now
        for key, value in (
            ("gen_ai.operation.name", "invoke_agent"),
            ("gen_ai.agent.name", f"run-{name}-{number}"),
            (
                "gen_ai.input.messages",
                '[{"role":"user","parts":[{"type":"text","content":"' + "word " * (size // 5) + '"}]}]',
            ),
        ):
            span.attributes.add(key=key).value.string_value = value
    return request.SerializeToString(), {f"run-{name}-{number}".encode() for number in range(count)}


def lines(name: str, count: int, size: int) -> tuple[bytes, set[bytes]]:
    """A request of product events with `size` bytes of words each, and the names of its lines."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "bounds"
    records = resource.scope_logs.add().log_records
    now = time.time_ns()
    for number in range(count):
        record = records.add(time_unix_nano=now + number, event_name="paid")
        record.body.string_value = "word " * (size // 5)
        for key, value in (("otelgate.event.name", "paid"), ("log.record.uid", f"line-{name}-{number}")):
            record.attributes.add(key=key).value.string_value = value
    return request.SerializeToString(), {f"line-{name}-{number}".encode() for number in range(count)}


def steps(number: int, count: int) -> bytes:
    """Increments by 1 (delta) of 2,000 series, `count` in all, from one of 8 senders, for its next intervals."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key, value in (("service.name", "bounds"), ("service.instance.id", f"sender-{number % 8}")):
        resource.resource.attributes.add(key=key).value.string_value = value
    metric = resource.scope_metrics.add().metrics.add(name="bounds.steps", unit="1")
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = (
        True,
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
    )
    minute_ago = time.time_ns() // 60_000_000_000 * 60_000_000_000 - 60_000_000_000
    for step in range(count):
        start = minute_ago + 1000 * (number // 8 * -(-count // 2000) + step // 2000)
        point = metric.sum.data_points.add(start_time_unix_nano=start, time_unix_nano=start + 1000, as_int=1)
        point.attributes.add(key="place").value.string_value = f"{step % 2000:060d}"
    return request.SerializeToString()
