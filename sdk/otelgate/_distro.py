"""The distro and the configurator that OpenTelemetry's auto-instrumentation loads, and what `init()` does."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

from opentelemetry import _logs as logs_api
from opentelemetry import metrics, trace
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.environment_variables import OTEL_CONFIG_FILE
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.util._importlib_metadata import EntryPoint

from . import (
    _anthropic,
    _ends,
    _hints,
    _langchain,
    _lifecycle,
    _scrub,
    _settings,
    _signals,
    _twins,
    _views,
    _who,
    names,
)
from ._arguments import ExporterArgs
from ._export import Link, Logs, Metrics, Spans
from ._health import Health, ReasonFilter
from ._health import install as install_health
from ._logs import detach_from_root
from ._version import __version__

logger = logging.getLogger(names.SCOPE)

_Processor = TypeVar("_Processor")

_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
_LOADER = "opentelemetry.instrumentation.auto_instrumentation._load"


class _State:
    """The state of this process' setup."""

    configured = False
    failed = False
    content = False


class OtelgateDistro(BaseDistro):  # type: ignore[misc]
    """Sets the defaults, and loads LangChain's instrumentation only when the application uses LangChain."""

    def _configure(self, **kwargs: object) -> None:
        _settings.choose_distro()
        logging.getLogger(_LOADER).addFilter(_not_about_other_configurators)
        if _settings.is_disabled():
            return
        try:
            _State.content = _settings.apply()
        except _settings.SettingError as error:
            _State.failed = True
            logger.error("telemetry is off: %s", error)

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Activate one instrumentation; one that fails doesn't stop the others."""
        if _settings.is_disabled() or not _State.configured:
            return

        def load() -> Any:
            instrumentor = entry_point.load()()
            if not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument(**kwargs)
            return instrumentor

        if entry_point.value.startswith(_langchain.ENTRY_POINT):
            _langchain.instrument_later(load, content=_State.content)
            return
        try:
            instrumentor = load()
        except Exception as error:
            _hints.not_loaded(entry_point.name, error)
            return
        handler = getattr(instrumentor, "_logging_handler", None)
        if isinstance(handler, logging.Handler):
            detach_from_root(handler)


def _not_about_other_configurators(record: logging.LogRecord) -> bool:
    """The loader warns of each configurator that it doesn't load; opentelemetry-distro's is always there."""
    return not str(record.msg).startswith("Configuration of %s not loaded")


class OtelgateConfigurator(_OTelSDKConfigurator):
    """Upstream's configuration, with our exporters around upstream's and baggage on spans and log records."""

    def _configure(self, **kwargs: Any) -> None:
        if _settings.is_disabled() or _State.failed:
            return
        try:
            with _signals.blocked():
                if os.environ.get(OTEL_CONFIG_FILE):
                    logger.warning(
                        "%s sets up the SDK by itself: otelgate's sessions, content filter and exit deadline are off",
                        OTEL_CONFIG_FILE,
                    )
                    super()._configure()  # type: ignore[no-untyped-call]
                else:
                    self._configure_sdk(kwargs)
            _State.configured = True
        except Exception as error:
            _State.failed = True
            logger.error("telemetry is off: %s", error)

    def _configure_sdk(self, kwargs: dict[str, Any]) -> None:
        if _ends.is_worker() and os.environ.get(_INTERVAL) == str(_lifecycle.METRIC_INTERVAL_MS):
            os.environ[_INTERVAL] = str(_lifecycle.WORKER_METRIC_INTERVAL_MS)
        health, reasons = Health(), ReasonFilter()
        install_health(health, reasons)
        pipeline = _Pipeline(health, reasons, content=_State.content)
        super()._configure(  # type: ignore[no-untyped-call]
            resource_attributes={
                names.TELEMETRY_DISTRO_NAME: _settings.DISTRO,
                names.TELEMETRY_DISTRO_VERSION: __version__,
                **({names.OTELGATE_CONTENT: "true"} if _State.content else {}),
            },
            exporter_args_map=ExporterArgs(),
            span_processors=[_who.SpanWho(), _twins.Twins()],
            export_span_processor=pipeline.spans,
            log_record_processors=[_who.LogWho()],
            export_log_record_processor=pipeline.logs,
            **kwargs,
        )
        providers: dict[str, Any] = {
            "traces": trace.get_tracer_provider(),
            "metrics": metrics.get_meter_provider(),
            "logs": logs_api.get_logger_provider(),
        }
        pipeline.metrics(providers["metrics"])
        _anthropic.install()
        _views.add(providers["metrics"])
        metrics.get_meter(names.SCOPE).create_observable_counter(
            names.METRIC_DROPPED, [health.drops.observe], "{item}", "What the SDK dropped instead of sending it."
        )
        _lifecycle.start(_lifecycle.Lifecycle(providers, pipeline.links, health, _settings.exit_timeout_s()))
        if not _ends.is_worker():  # whose parent has said it
            _hints.endpoints(os.environ)
            _hints.service_name(getattr(providers["traces"], "resource", Resource.get_empty()).attributes)
            _hints.providers()


class _Pipeline:
    """Puts our exporter around each of upstream's."""

    def __init__(self, health: Health, reasons: ReasonFilter, *, content: bool) -> None:
        self.links: list[Link] = []
        self._health = health
        self._reasons = reasons
        self._content = content

    def _link(self, signal: str, exporter: Any, *, hold: bool) -> Link:
        kind = type(exporter)
        make: Callable[[], Any] = lambda: kind(**ExporterArgs().get(kind, {}))  # noqa: E731
        link = Link(signal, exporter, make, self._health, self._reasons, hold=hold)
        self.links.append(link)
        return link

    def spans(self, exporter: SpanExporter, *args: Any, **kwargs: Any) -> BatchSpanProcessor:
        link = self._link("traces", exporter, hold=True)
        scrub = functools.partial(_scrub.spans, content=self._content)
        return _queue_of(link, BatchSpanProcessor(Spans(link, scrub), *args, **kwargs))

    def logs(self, exporter: LogRecordExporter, *args: Any, **kwargs: Any) -> BatchLogRecordProcessor:
        link = self._link("logs", exporter, hold=True)
        scrub = None if self._content else _scrub.logs
        return _queue_of(link, BatchLogRecordProcessor(Logs(link, scrub), *args, **kwargs))

    def metrics(self, provider: Any) -> None:
        """The SDK has no hook for metric exporters, so the reader's is exchanged before the first export."""
        for reader in getattr(provider, "_metric_readers", ()):
            if isinstance(reader, PeriodicExportingMetricReader):
                exporter = reader._exporter
                reader._exporter = Metrics(self._link("metrics", exporter, hold=False), exporter)


def _queue_of(link: Link, processor: _Processor) -> _Processor:
    """Let the link know how much waits for it, which the SDK has no call for."""
    queue = getattr(getattr(processor, "_batch_processor", None), "_queue", ())
    link.waiting = lambda: len(queue)
    return processor


def init() -> None:
    """See `otelgate.init`."""
    if _State.configured or _State.failed or _settings.is_disabled():
        return
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        logger.warning("another OpenTelemetry SDK is set up in this process already; otelgate.init() changes nothing")
        return
    from opentelemetry.instrumentation.auto_instrumentation import initialize

    _settings.choose_distro()
    initialize()
