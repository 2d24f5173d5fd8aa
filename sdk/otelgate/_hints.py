"""One line each, once, about settings and packages that keep telemetry from arriving or from being found."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from collections.abc import Callable, Mapping
from urllib.parse import urlparse

import wrapt
from opentelemetry.util._importlib_metadata import entry_points

from . import _guard, names

logger = logging.getLogger(names.SCOPE)

Warn = Callable[[str], None]

_SIGNALS = ("TRACES", "METRICS", "LOGS")
_PORTS = {4317: "grpc", 4318: "http/protobuf"}
_INSTRUMENTATIONS = {
    "openai": "openinference-instrumentation-openai",
    "anthropic": "openinference-instrumentation-anthropic",
    "google.genai": "openinference-instrumentation-google-genai",
    "mistralai": "openinference-instrumentation-mistralai",
    "groq": "openinference-instrumentation-groq",
    "litellm": "openinference-instrumentation-litellm",
    "llama_index": "openinference-instrumentation-llama-index",
    "crewai": "openinference-instrumentation-crewai",
    "dspy": "openinference-instrumentation-dspy",
    "haystack": "openinference-instrumentation-haystack",
    "smolagents": "openinference-instrumentation-smolagents",
}
"""The instrumentation of each package, by the name that a program imports."""

_ENTRY_POINTS = {"google.genai": "googlegen(ai|erativeai)"}
"""Patterns of the entry points that trace a package, where they are not called after it."""
_CALLED_BY = {
    "openai": ("langchain_openai", "litellm"),
    "anthropic": ("langchain_anthropic", "litellm"),
    "google.genai": ("langchain_google_genai", "google.adk"),
    "mistralai": ("langchain_mistralai",),
    "groq": ("langchain_groq",),
}
"""Packages whose own instrumentation sees the calls that they make by the provider's."""


@_guard.never_raises(None)
def endpoints(environ: Mapping[str, str], warn: Warn = logger.warning) -> None:
    """Hint at an endpoint without a scheme, and at the port of the other protocol."""
    said: set[str] = set()
    for signal in _SIGNALS:
        if "otlp" not in environ.get(f"OTEL_{signal}_EXPORTER", "otlp"):
            continue
        own, common = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
        name = own if environ.get(own, "").strip() else common
        protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        problem = _problem(environ.get(name, "").strip(), protocol or "grpc")
        if problem and name not in said:
            said.add(name)
            warn(f"{name}={problem}")


def _problem(endpoint: str, protocol: str) -> str:
    if not endpoint:
        return ""
    url = urlparse(endpoint if "://" in endpoint else f"//{endpoint}")
    shown = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl().removeprefix("//")
    if url.scheme not in ("http", "https"):
        return f"{shown!r}: expected http:// or https:// at its start"
    expected = _PORTS.get(url.port or 0, protocol)
    if expected == protocol:
        return ""
    other = next(port for port, spoken in _PORTS.items() if spoken == protocol)
    return (
        f"{shown!r}: port {url.port} is usually {expected}, and the protocol is {protocol}; "
        f"expected port {other}, or OTEL_EXPORTER_OTLP_PROTOCOL={expected}"
    )


@_guard.never_raises(None)
def service_name(resource: Mapping[str, object], warn: Warn = logger.warning) -> None:
    """Hint at a missing service name."""
    name = str(resource.get("service.name", ""))
    if name.startswith("unknown_service"):
        warn(f"OTEL_SERVICE_NAME is not set: telemetry arrives under the name {name!r}")


def not_loaded(name: str, error: BaseException, warn: Warn = logger.warning) -> None:
    """Say that an instrumentation can't be loaded, unless only the library that it traces is not installed."""
    if isinstance(error, ModuleNotFoundError) and error.name and not _is_installed(error.name.partition(".")[0]):
        return
    text = str(error).partition("\n")[0]
    warn(f"instrumentation {name} can't be loaded ({type(error).__name__}: {text}); what it would trace is not traced")


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def providers(warn: Warn = logger.warning) -> None:
    """Hint at the instrumentation to install when the application imports a package that nothing traces."""
    installed = [_plain(entry_point.name) for entry_point in entry_points(group="opentelemetry_instrumentor")]
    for package, instrumentation in _INSTRUMENTATIONS.items():
        wanted = re.compile(_ENTRY_POINTS.get(package, _plain(package)) + r"(v\d+)?")
        if not any(wanted.fullmatch(name) for name in installed):
            wrapt.register_post_import_hook(_hint(package, instrumentation, warn), package)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]", "", name.lower())


def _hint(package: str, instrumentation: str, warn: Warn) -> Callable[[object], None]:
    @_guard.never_raises(None)
    def on_import(module: object) -> None:
        if not any(caller in sys.modules for caller in _CALLED_BY.get(package, ())):
            warn(f"{package} is used and nothing here traces it: pip install {instrumentation}")

    return on_import
