"""Arguments of upstream's OTLP exporters, beyond the settings that they read from the environment themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from . import _settings
from ._export import is_otlp

if TYPE_CHECKING:
    import requests

_HTTP = "opentelemetry.exporter.otlp.proto.http."
_CREDENTIALS = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"


class ExporterArgs(Mapping[type, dict[str, Any]]):
    """The arguments of each exporter class, without importing the classes that aren't used."""

    def __getitem__(self, kind: type) -> dict[str, Any]:
        if not is_otlp(kind):
            raise KeyError(kind)
        signal = "traces" if issubclass(kind, SpanExporter) else "logs"
        timeout = _settings.export_timeout("metrics" if issubclass(kind, MetricExporter) else signal)
        arguments: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        # A session that a credential provider makes is not ours to replace.
        if kind.__module__.startswith(_HTTP) and not any(name.startswith(_CREDENTIALS) for name in os.environ):
            arguments["session"] = _session()
        return arguments

    def __iter__(self) -> Iterator[type]:
        return iter(())

    def __len__(self) -> int:
        return 1  # upstream takes an empty mapping for none at all


def _session() -> requests.Session:
    """A session whose own certificate holds.

    requests prefers REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which many machines set, to a session's `verify`, and so to
    OTEL_EXPORTER_OTLP_CERTIFICATE.
    """
    import requests

    class Session(requests.Session):
        def merge_environment_settings(
            self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
        ) -> dict[str, Any]:
            verify = self.verify if verify is None else verify
            return dict(super().merge_environment_settings(url, proxies, stream, verify, cert))

    return Session()
