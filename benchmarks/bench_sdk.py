"""The SDK's overhead in an agent, and the added cost of an absent gateway: `make bench-sdk`.

A small LangGraph agent (model, tool, model; each call of the fake model streams for 50 ms) runs in one process per
condition. The processes take turns, in an order that changes each round; a sample is the time of several runs. Printed
are medians of paired ratios with their 95 % intervals (bootstrap). The gateway is OTEL_EXPORTER_OTLP_ENDPOINT, or a
sink in a process of its own when that isn't set.
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
import time
from pathlib import Path
from typing import Any

MODEL_S = 0.05
"""How long a model call takes unless --model-ms says otherwise: shorter than real ones, so that small costs show."""
CHUNKS = 5
INSTRUMENT = Path(sys.executable).parent / "opentelemetry-instrument"
CONDITIONS = ("bare", "gateway up", "gateway refuses", "gateway silent")
# (numerator, denominator, target)
RATIOS = (
    ("gateway refuses", "gateway up", 1.02),
    ("gateway silent", "gateway up", 1.02),
    ("gateway up", "bare", 1.05),
)


def build_agent(model_s: float) -> Any:
    from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
    from langchain_core.messages import AIMessageChunk, ToolMessage
    from langchain_core.outputs import ChatGenerationChunk
    from langchain_core.tools import tool
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode, tools_condition

    class FakeModel(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "fake"

        def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            chunks = [AIMessageChunk(content="word ") for _ in range(CHUNKS)]
            if not isinstance(messages[-1], ToolMessage):
                call = {"name": "lookup", "args": '{"order": "7"}', "id": "call-1", "index": 0}
                chunks[0] = AIMessageChunk(content="", tool_call_chunks=[call])
            chunks[-1].usage_metadata = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
            for message in chunks:
                time.sleep(model_s / CHUNKS)
                chunk = ChatGenerationChunk(message=message)
                if run_manager:
                    run_manager.on_llm_new_token(message.text, chunk=chunk)
                yield chunk

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            return generate_from_stream(self._stream(messages, stop, run_manager))

    @tool
    def lookup(order: str) -> str:
        """Look an order up."""
        import logging

        logging.getLogger("bench").info("looking up %s", order)
        return "sent"

    model = FakeModel()

    def call(state: MessagesState) -> dict[str, Any]:
        chunks = list(model.stream(state["messages"]))
        message = chunks[0]
        for chunk in chunks[1:]:
            message += chunk
        return {"messages": [message]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", call)
    graph.add_node("tools", ToolNode([lookup]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile()


def worker(condition: str, model_s: float) -> None:
    """Run the agent as often as each line of standard input says; answer with seconds and CPU seconds."""
    import logging

    logging.getLogger("bench").setLevel("INFO")
    logging.getLogger("bench").addHandler(logging.NullHandler())
    agent = build_agent(model_s)
    otelgate: Any = None
    if condition != "bare":
        import otelgate
    question = {"messages": [("user", "Where is order 7?")]}

    def run() -> None:
        with contextlib.ExitStack() as stack:
            if otelgate:
                stack.enter_context(otelgate.session("session-1", user_id="user-1"))
                stack.enter_context(otelgate.agent("orders"))
            agent.invoke(question)

    for line in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            run()
        print(json.dumps([time.perf_counter() - start, time.process_time() - cpu]), flush=True)
        if condition == "gateway up":
            otelgate.flush(timeout_s=10)  # so that what is left to send doesn't disturb the others' turns
        print("idle", flush=True)


def sink() -> None:
    """Accept everything, as cheaply as Python can; print the port."""
    from concurrent import futures

    import grpc

    class Accept(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Accept()])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def environment(endpoint: str | None) -> dict[str, str]:
    """A clean environment for the bare program; the given `OTEL_*` variables and the endpoint for the others."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("OTEL_")} if endpoint else {}
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "LANGSMITH", "LANGCHAIN"))}
    return {**plain, **kept, **({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {})}


def command(endpoint: str | None, *arguments: str) -> list[str]:
    python = [sys.executable, *arguments]
    return [str(INSTRUMENT), *python] if endpoint else python


class Worker:
    def __init__(self, condition: str, endpoint: str | None, model_s: float) -> None:
        self.process = subprocess.Popen(
            command(endpoint, __file__, "--worker", condition, "--model-ms", f"{model_s * 1e3:g}"),
            env=environment(endpoint),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def sample(self, runs: int) -> tuple[float, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line or not self.process.stdout.readline():
            sys.exit(f"a worker ended with status {self.process.wait()}")
        seconds, cpu = json.loads(line)
        return seconds / runs, cpu / runs

    def end(self) -> float:
        assert self.process.stdin is not None
        start = time.perf_counter()
        self.process.stdin.close()
        self.process.wait()
        return time.perf_counter() - start


def interval(ratios: list[float]) -> tuple[float, float]:
    """The 95 % interval of the median, by bootstrap."""
    chance = random.Random(0)
    medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(10_000))
    return medians[250], medians[9_749]


def start_up(endpoint: str) -> tuple[float, float]:
    """Median seconds of `python -c pass`, bare and with the SDK."""

    def once(instrumented: bool) -> float:
        start = time.perf_counter()
        target = endpoint if instrumented else None
        subprocess.run(command(target, "-c", "pass"), env=environment(target), check=True)
        return time.perf_counter() - start

    pairs = [(once(False), once(True)) for _ in range(5)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def measure(
    pairs: int, runs: int, model_s: float, endpoints: dict[str, str | None]
) -> dict[str, list[tuple[float, float]]]:
    workers = {condition: Worker(condition, endpoint, model_s) for condition, endpoint in endpoints.items()}
    first = {condition: worker.sample(1)[0] for condition, worker in workers.items()}
    print("first run: " + ", ".join(f"{condition} {seconds:.2f} s" for condition, seconds in first.items()))
    for worker in workers.values():
        worker.sample(runs)
    samples: dict[str, list[tuple[float, float]]] = {condition: [] for condition in workers}
    chance = random.Random(0)
    for number in range(pairs):
        for condition in chance.sample(list(workers), len(workers)):
            samples[condition].append(workers[condition].sample(runs))
        if sys.stderr.isatty():
            print(f"\rround {number + 1} of {pairs}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    ends = {condition: worker.end() for condition, worker in workers.items()}
    print("exit: " + ", ".join(f"{condition} {seconds:.2f} s" for condition, seconds in ends.items()))
    return samples


def report(samples: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for condition, values in samples.items():
        seconds, cpu = (statistics.median(column) * 1e3 for column in zip(*values, strict=True))
        print(f"{condition:16} median run {seconds:7.2f} ms, CPU {cpu:5.2f} ms")
        figures[condition] = {"run_ms": seconds, "cpu_ms": cpu}
    for over, under, target in RATIOS:
        if not {over, under} <= samples.keys():
            continue
        ratios = [a[0] / b[0] for a, b in zip(samples[over], samples[under], strict=True)]
        low, high = interval(ratios)
        median = statistics.median(ratios)
        verdict = "met" if median <= target else "NOT MET"
        print(f"{over} / {under}: {median:.4f} [{low:.4f}, {high:.4f}], target at most {target}: {verdict}")
        figures[f"{over} / {under}"] = {"median": median, "low": low, "high": high, "target": target}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40, help="rounds (default 40)")
    parser.add_argument("--runs", type=int, default=16, help="agent runs in a sample (default 16)")
    parser.add_argument("--model-ms", type=float, default=MODEL_S * 1e3, help="of a model call (default 50)")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=CONDITIONS, help="default: all")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")
    parser.add_argument("--worker", choices=CONDITIONS, help=argparse.SUPPRESS)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments.worker, arguments.model_ms / 1e3)
    if arguments.sink:
        return sink()
    with contextlib.ExitStack() as stack:
        gateway = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        if gateway:
            print(f"gateway: {gateway}")
        else:
            server = subprocess.Popen([sys.executable, __file__, "--sink"], stdout=subprocess.PIPE, text=True)
            stack.callback(server.wait)
            stack.callback(server.kill)
            assert server.stdout is not None
            gateway = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            print(f"gateway: a sink at {gateway}, because OTEL_EXPORTER_OTLP_ENDPOINT is not set")
        silent, refusing = stack.enter_context(socket.socket()), stack.enter_context(socket.socket())
        for listener in (silent, refusing):
            listener.bind(("127.0.0.1", 0))
        silent.listen(64)
        bare, instrumented = start_up(gateway)
        print(f"start-up of an empty program: {bare:.2f} s bare, {instrumented:.2f} s with the SDK")
        endpoints: dict[str, str | None] = {
            "bare": None,
            "gateway up": gateway,
            "gateway refuses": f"http://127.0.0.1:{refusing.getsockname()[1]}",
            "gateway silent": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        chosen = {condition: endpoints[condition] for condition in arguments.conditions}
        figures = report(measure(arguments.pairs, arguments.runs, arguments.model_ms / 1e3, chosen))
        if arguments.json:
            print(json.dumps(figures))


if __name__ == "__main__":
    main()
