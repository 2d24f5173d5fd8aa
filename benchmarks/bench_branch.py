"""The cost of the gateway's audit branch: `python benchmarks/bench_branch.py`.

The gateway as users run it, with its shipped configuration, queues on disk included, gets recorded OpenInference spans
with their content (tests/golden) over OTLP gRPC; its stores and the audit sink are servers that accept everything
immediately. Runs with and without the branch alternate, in an order that changes each round. It measures the CPU
time of the gateway's process until its queues are empty, and prints medians over the rounds with their 95 % intervals
(bootstrap).

`--other BINARY CONFIG_FOLDER` measures another build as well, for example the one before a change.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from bench_gateway import line
from gateway_load import Load
from otelgate_stack import ports, settings
from otelgate_stack.build import builds
from otelgate_stack.report import Report

ROOT = Path(__file__).resolve().parents[1]
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Taker(grpc.GenericRpcHandler):  # type: ignore[misc]
    """An OTLP gRPC server that takes requests and counts their bytes."""

    def __init__(self) -> None:
        self.bytes = 0
        self._server = grpc.server(ThreadPoolExecutor(4), handlers=[self])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._take)

    def _take(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.bytes += len(request)
        return b""


class Prometheus(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Gateway:
    def __init__(self, binary: Path, config: Path, folder: Path, **env: str) -> None:
        numbers = ports.free_env()
        self._env = {name: numbers[f"OTELGATE_{name}_PORT"] for name in ("GRPC", "HTTP", "HEALTH", "METRICS", "SELF")}
        given = {f"OTELGATE_{name}_PORT": number for name, number in self._env.items()}
        # Python's gRPC takes no snappy.
        files = [f"--config={config}", "--config=yaml:exporters::otlp_grpc/tempo::compression: none"]
        folder.mkdir()
        self._process = subprocess.Popen(
            [binary, *files],
            env={"PATH": os.environ["PATH"], "OTELGATE_DATA_DIR": str(folder), **given, **env},
            stdout=subprocess.DEVNULL,
            stderr=(folder / "log").open("wb"),
        )
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._env['GRPC']}")
        grpc.channel_ready_future(self._channel).result(60)
        self._export = self._channel.unary_unary(EXPORT)

    def send(self, batch: bytes) -> None:
        self._export(batch, timeout=60)

    def cpu_us(self) -> float:
        return time.clock_gettime_ns(~self._process.pid << 3 | 2) / 1e3

    def drain(self) -> None:
        """Until every queue is empty."""
        url = f"http://127.0.0.1:{self._env['METRICS']}/metrics"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            with opener.open(url) as answer:
                sizes = [each.rsplit(b" ", 1)[1] for each in answer if each.startswith(b"otelcol_exporter_queue_size")]
            if sizes and all(float(size) == 0 for size in sizes):
                return
            time.sleep(0.2)

    def stop(self) -> None:
        self._channel.close()
        self._process.terminate()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each (default 7)")
    parser.add_argument("--batches", type=int, default=200, help="batches of 128 spans in a turn (default 200)")
    parser.add_argument("--other", nargs=2, type=Path, metavar=("BINARY", "CONFIG"), help="another build to measure")
    options = parser.parse_args()
    binary, config = builds.build(["gateway"], settings.load(), Report())["gateway"], ROOT / "collector/config"
    variants = {"without": (binary, config, "false"), "with the audit branch": (binary, config, "true")}
    if options.other:
        variants["other"] = (*options.other, "")
    load = Load(ROOT / "tests/golden")
    samples: dict[str, list[float]] = {name: [] for name in variants}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store, audit = Taker(), Taker()
        prometheus = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
        threading.Thread(target=prometheus.serve_forever, daemon=True).start()
        env = {
            "OTELGATE_TEMPO_ENDPOINT": f"127.0.0.1:{store.port}",
            "OTELGATE_PROMETHEUS_ENDPOINT": f"http://127.0.0.1:{prometheus.server_port}/api/v1/write",
        }
        branch = {"OTELGATE_AUDIT_ENDPOINT": f"127.0.0.1:{audit.port}"}
        gateways = {}
        for name, (program, files, wanted) in variants.items():
            more = {**branch, "OTELGATE_AUDIT": wanted} if wanted else {}
            gateways[name] = Gateway(program, files, folder / name, **env, **more)
            stack.callback(gateways[name].stop)

        def turn(name: str) -> float:
            gateway = gateways[name]
            before = gateway.cpu_us()
            for _ in range(options.batches):
                gateway.send(load.batch())
            gateway.drain()
            return (gateway.cpu_us() - before) / (options.batches * load.spans)

        for name in variants:
            turn(name)
        chance = random.Random(0)
        audit.bytes, sent = 0, options.rounds * options.batches * load.spans
        for number in range(options.rounds):
            for name in chance.sample(sorted(variants), len(variants)):
                samples[name].append(turn(name))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print(f"{options.rounds} rounds of {options.batches * load.spans} spans, {load.size:.0f} bytes each")
    for name, values in samples.items():
        line(name, values, "µs a span")
    added = [a - b for a, b in zip(samples["with the audit branch"], samples["without"], strict=True)]
    line("the branch adds", added, "µs a span")
    if options.other:
        line(
            "without, less other",
            [a - b for a, b in zip(samples["without"], samples["other"], strict=True)],
            "µs a span",
        )
    print(f"{audit.bytes / sent:.0f} bytes of each span went to the sink")


if __name__ == "__main__":
    main()
