"""Record golden inputs (`tests/golden/<instrumentor>-<scenario>[-content]/in.json`) from the real instrumentors.

Each instrumentor needs its own environment, since their pins conflict. From the repository:

    python -m venv /a/folder && . /a/folder/bin/activate
    pip install langchain==1.4.7 langgraph==1.2.22 time-machine==3.6.0 opentelemetry-exporter-otlp-proto-common <below>
    PYTHONPATH=sdk python tests/golden/record.py openinference

| argument | what to install | opentelemetry |
|---|---|---|
| openinference | openinference-instrumentation-langchain==0.1.80 | sdk 1.45.1 |
| provider | the same, langchain-openai==1.7.3, opentelemetry-instrumentation-openai==0.62.4 | sdk 1.45.1 |
| sdk | otelgate itself (`pip install -e .`): OpenInference 0.1.80 as the SDK sets it up | sdk 1.45.1 |
| otel | opentelemetry-instrumentation-genai-langchain==1.3b0 | sdk 1.45.2 |
| traceloop | opentelemetry-instrumentation-langchain==0.62.4 | sdk 1.45.2 |

Then `make golden` rewrites the expected.json files; read the diff. Time stands still but for the programs' own sleeps,
ids are counted up, UUIDs, paths and line numbers in the content are replaced, so a second recording changes nothing.
"""

from __future__ import annotations

import base64
import datetime
import importlib
import itertools
import json
import os
import re
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
START = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
SCENARIOS = ("graph", "agent", "team", "failures", "twice")
HIDE = ("OPENINFERENCE_HIDE_INPUTS", "OPENINFERENCE_HIDE_OUTPUTS", "OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
LINES = re.compile(r", line \d+, in")
PATHS = re.compile(r'File \\?"[^"]*?/(site-packages|lib|golden)/')


def configure(instrumentor: str, content: bool) -> None:
    """Set what switches content on or off; must run before the instrumentor is imported."""
    switches = {
        "openinference": dict.fromkeys(HIDE, str(not content).lower()),
        "provider": {},
        "sdk": {},  # asks for no content at all
        "otel": {
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY" if content else "NO_CONTENT",
        },
        "traceloop": {"TRACELOOP_TRACE_CONTENT": str(content).lower()},
    }
    os.environ.update(switches[instrumentor])


def tracing(seed: int) -> tuple[Any, Any]:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Counted(IdGenerator):
        def __init__(self) -> None:
            self.spans = itertools.count(1)
            self.traces = itertools.count(1)

        def generate_span_id(self) -> int:
            return (seed << 32) + next(self.spans)

        def generate_trace_id(self) -> int:
            return (seed << 96) + next(self.traces)

    exporter = InMemorySpanExporter()
    resource = Resource({"service.name": "travel", "deployment.environment.name": "test"})
    provider = TracerProvider(resource=resource, id_generator=Counted(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider, exporter


@contextmanager
def openinference(provider: Any) -> Iterator[None]:
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)
    with using_attributes(session_id="session-1", user_id="user-1", metadata={"plan": "pro"}, tags=["golden"]):
        yield


@contextmanager
def provider(tracer_provider: Any) -> Iterator[None]:
    """A framework's and a provider's instrumentor together, inside a span of the application."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "concierge"}
    tracer = tracer_provider.get_tracer("otelgate")
    with openinference(tracer_provider), tracer.start_as_current_span("invoke_agent concierge", attributes=agent):
        yield


@contextmanager
def sdk(provider: Any) -> Iterator[None]:
    import otelgate
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from opentelemetry.processor.baggage import BaggageSpanProcessor
    from otelgate import _context, _langchain

    provider.add_span_processor(BaggageSpanProcessor(_context.is_ours))
    LangChainInstrumentor().instrument(tracer_provider=provider)
    _langchain.skip_content()
    _langchain.register_first_token()
    with otelgate.session("session-1", user_id="user-1", tier="pro", feature="search"), otelgate.agent("concierge"):
        yield


@contextmanager
def otel(provider: Any) -> Iterator[None]:
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)
    yield


@contextmanager
def traceloop(provider: Any) -> Iterator[None]:
    from opentelemetry import context
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=provider)
    # The same as Traceloop.set_association_properties().
    context.attach(context.set_value("association_properties", {"session_id": "session-1", "user_id": "user-1"}))
    yield


INSTRUMENTORS = {"openinference": openinference, "provider": provider, "sdk": sdk, "otel": otel, "traceloop": traceloop}


def otlp(spans: list[Any]) -> str:
    """The request as OTLP JSON, with hex ids, free of what differs between two recordings."""
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    request = MessageToDict(encode_spans(spans))
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64decode(span[key]).hex()
                span["kind"] = span.get("kind", "SPAN_KIND_UNSPECIFIED")
    text = PATHS.sub(r'File \\"\1/', json.dumps(request, indent=1, ensure_ascii=False))
    text = LINES.sub(", line 1, in", text)
    known: dict[str, str] = {}
    traces = set(re.findall(r'"traceId": "(\w+)"', text))

    def number(match: re.Match[str]) -> str:
        found = match.group()
        if found in traces:
            return found
        return known.setdefault(found, f"00000000-0000-0000-0000-{len(known) + 1:012}")

    return UUID.sub(number, text) + "\n"


def record(instrumentor: str, scenario: str, content: bool) -> None:
    configure(instrumentor, content)
    import time_machine

    time.perf_counter = timeit.default_timer = time.time  # time_machine stops this one
    sys.path.insert(0, str(HERE))
    scenarios = importlib.import_module("scenarios")
    with time_machine.travel(START, tick=False) as clock:
        tracer_provider, exporter = tracing(1 + SCENARIOS.index(scenario))
        with INSTRUMENTORS[instrumentor](tracer_provider):
            scenarios.ALL[scenario](lambda seconds: clock.shift(seconds))
        text = otlp(list(exporter.get_finished_spans()))
    folder = HERE / f"{instrumentor}-{scenario}{'-content' if content else ''}"
    folder.mkdir(exist_ok=True)
    (folder / "in.json").write_text(text)
    print(folder.name, text.count('"spanId"'), "spans")


def main() -> None:
    """Record every scenario, each in its own process: instrumentors and switches last for a process' life."""
    if len(sys.argv) == 4:
        return record(sys.argv[1], sys.argv[2], sys.argv[3] == "content")
    if len(sys.argv) != 2 or sys.argv[1] not in INSTRUMENTORS:
        sys.exit(f"usage: record.py {'|'.join(INSTRUMENTORS)}")
    only_bare = sys.argv[1] in ("sdk", "provider")
    for scenario in ("twice",) if sys.argv[1] == "provider" else SCENARIOS[:-1]:
        for content in ("bare",) if only_bare else ("bare", "content"):
            subprocess.run([sys.executable, __file__, sys.argv[1], scenario, content], check=True)


if __name__ == "__main__":
    main()
