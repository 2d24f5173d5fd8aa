"""LangChain instrumented within the tests' own process, as the distro does it, with the spans in memory."""

from __future__ import annotations

from typing import Any

from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otelgate import _current, _twins, _usage, _who


class Runs:
    """The spans that LangChain's runs left."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(_who.SpanWho())
        self._provider.add_span_processor(_twins.Twins())
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._langchain = LangChainInstrumentor()
        self.clear = self._exporter.clear

    def start(self) -> None:
        self._langchain.instrument(tracer_provider=self._provider)
        _who.follow_runs()
        _usage.keep_details()
        _current.install()
        _current.use(self._langchain.get_span)

    def stop(self) -> None:
        _current.use(lambda run_id: None)
        self._langchain.uninstrument()

    def tracer(self, name: str = "", *args: object) -> trace.Tracer:
        return self._provider.get_tracer(name)

    def touch(self, name: str = "http") -> None:
        """A span like that of a provider's own SDK, an HTTP client or a database driver."""
        self.tracer("provider").start_span(name).end()

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def parents(self, name: str) -> list[str | None]:
        """The names of the parents of all spans of that name."""
        by_id = {span.context.span_id: span.name for span in self.all() if span.context}
        return [by_id[span.parent.span_id] if span.parent else None for span in self.named(name)]

    def values(self, attribute: str) -> dict[str, Any]:
        """An attribute by the spans' names; a set where spans of one name differ."""
        found: dict[str, set[Any]] = {}
        for span in self.all():
            found.setdefault(span.name, set()).add((span.attributes or {}).get(attribute))
        return {name: next(iter(values)) if len(values) == 1 else values for name, values in found.items()}
