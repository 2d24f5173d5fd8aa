"""The SDK's settings: standard `OTEL_*` variables, with defaults that suit agents."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from . import names

logger = logging.getLogger(names.SCOPE)

DISTRO = "otelgate"
ENV_DISTRO = "OTEL_PYTHON_DISTRO"
ENV_CONFIGURATOR = "OTEL_PYTHON_CONFIGURATOR"
EXPORT_TIMEOUT_S = 2.0
"""Default time-out of one export; with upstream's 10 s a process takes up to 44 s to exit while the gateway is down."""

FEEDBACK_SECRET_BYTES = 32
"""As long as what HS256 makes of it, at least: RFC 7518, section 3.2."""

PROTOCOLS = ("grpc", "http/protobuf")
PROTOCOL_VARIABLES = (
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
)
TIMEOUT_VARIABLES = (
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
)
HIDE_VARIABLES = tuple(
    f"OPENINFERENCE_HIDE_{what}"
    for what in (
        "INPUTS",
        "OUTPUTS",
        "INPUT_MESSAGES",
        "OUTPUT_MESSAGES",
        "INPUT_IMAGES",
        "INPUT_TEXT",
        "OUTPUT_TEXT",
        "EMBEDDING_VECTORS",
        "EMBEDDINGS_VECTORS",
        "EMBEDDINGS_TEXT",
        "LLM_INVOCATION_PARAMETERS",
        "LLM_TOOLS",
        "PROMPTS",
        "CHOICES",
        "RETRIEVAL_DOCUMENTS",
    )
)
"""Every content switch of OpenInference. It reads a malformed value as "not hidden"; here that hides."""


class SettingError(ValueError):
    """A variable whose value leaves no sensible way to go on; telemetry stays off."""


@dataclass(frozen=True)
class Default:
    """One variable that the distro sets when the environment doesn't."""

    env: str
    value: str
    number: str  # what a numeric value counts, empty where the value is a word
    doc: str


DEFAULTS = (
    Default("OTEL_TRACES_EXPORTER", "otlp", "", "Exporter of spans."),
    Default("OTEL_METRICS_EXPORTER", "otlp", "", "Exporter of metrics."),
    Default("OTEL_LOGS_EXPORTER", "otlp", "", "Exporter of log records."),
    Default("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "", "grpc (port 4317) or http/protobuf (port 4318)."),
    Default("OTEL_BSP_SCHEDULE_DELAY", "1000", "milliseconds", "Longest time until spans are sent."),
    Default("OTEL_BLRP_SCHEDULE_DELAY", "1000", "milliseconds", "Longest time until log records are sent."),
    Default("OTEL_METRIC_EXPORT_INTERVAL", "15000", "milliseconds", "Interval at which metrics are sent."),
    Default(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "2048",
        "spans",
        "Spans queued while the gateway is unavailable; beyond that, the oldest are dropped.",
    ),
    Default("OTEL_BLRP_MAX_QUEUE_SIZE", "2048", "log records", "Log records queued while the gateway is unavailable."),
    Default(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "128",
        "spans",
        "Spans in a request. Encoding a request blocks other threads (GIL).",
    ),
    Default("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "128", "log records", "Log records in a request."),
    Default(
        names.ENV_EXIT_TIMEOUT,
        "2000",
        "milliseconds",
        "Time that the end of a process waits for the gateway; five times as long while the gateway answers.",
    ),
)

QUEUE_OF_BATCH = {
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "OTEL_BLRP_MAX_QUEUE_SIZE",
}

Environ = MutableMapping[str, str]
Warn = Callable[[str], None]


def _get(environ: Environ, name: str) -> str:
    """A variable's value; empty counts as unset, as the OpenTelemetry specification says."""
    return environ.get(name, "").strip()


def is_disabled(environ: Environ = os.environ) -> bool:
    """Whether `OTEL_SDK_DISABLED` switches everything off."""
    return _get(environ, names.ENV_SDK_DISABLED).lower() == "true"


def choose_distro(environ: Environ = os.environ) -> None:
    """Name this distro and configurator to the loader, unless the environment names one."""
    if not _get(environ, ENV_DISTRO):
        environ[ENV_DISTRO] = DISTRO
    if environ[ENV_DISTRO] == DISTRO and not _get(environ, ENV_CONFIGURATOR):
        environ[ENV_CONFIGURATOR] = DISTRO


def capture_content(environ: Environ = os.environ, warn: Warn = logger.warning) -> bool:
    """Whether message content may leave the process: only when the standard variable says exactly `true`."""
    value = _get(environ, names.ENV_CAPTURE_CONTENT)
    if value.lower() == "true":
        return True
    if value and value.lower() != "false":
        warn(f"{names.ENV_CAPTURE_CONTENT}={value!r}: expected one of true, false; message content stays off")
    return False


def apply(environ: Environ = os.environ, warn: Warn = logger.warning) -> bool:
    """Set the defaults in `environ`; return whether message content may leave the process.

    Raises:
        SettingError: for an OTLP protocol that no exporter speaks.
    """
    _check_protocols(environ)
    for default in DEFAULTS:
        _apply_default(environ, default, warn)
    for batch, queue in QUEUE_OF_BATCH.items():
        # The SDK refuses a batch that is larger than its queue; a small queue alone is a fair wish.
        if int(environ[batch]) > int(environ[queue]):
            environ[batch] = environ[queue]
    for name in TIMEOUT_VARIABLES:
        value = _get(environ, name)
        if value and not _is_number(value, float):
            warn(f"{name}={value!r}: expected a number of seconds; using {EXPORT_TIMEOUT_S:g}")
            del environ[name]
    # gRPC's default level lets notices of closed connections through to stderr.
    environ.setdefault("GRPC_VERBOSITY", "ERROR")
    content = capture_content(environ, warn)
    _apply_content(environ, content, warn)
    return content


def _check_protocols(environ: Environ) -> None:
    for name in PROTOCOL_VARIABLES:
        value = _get(environ, name)
        if value and value not in PROTOCOLS:
            raise SettingError(f"{name}={value!r}: expected one of {', '.join(PROTOCOLS)}")


def _apply_default(environ: Environ, default: Default, warn: Warn) -> None:
    value = _get(environ, default.env)
    if value and default.number and not _is_number(value, int):
        warn(f"{default.env}={value!r}: expected a number of {default.number}; using {default.value}")
        value = ""
    environ[default.env] = value or default.value


def _is_number(value: str, kind: Callable[[str], float]) -> bool:
    try:
        return 0 < kind(value) < float("inf")
    except ValueError:
        return False


def _apply_content(environ: Environ, content: bool, warn: Warn) -> None:
    if not content:
        for name in HIDE_VARIABLES:
            environ[name] = "true"
        environ["TRACELOOP_TRACE_CONTENT"] = "false"
        return
    for name in HIDE_VARIABLES:
        value = _get(environ, name).lower()
        if value and value not in ("true", "false"):
            warn(f"{name}={environ[name]!r}: expected one of true, false; hidden")
            environ[name] = "true"
    # Messages become attributes, several each: at the SDK's limit of 128 a long history would push out session.id.
    if not _get(environ, "OTEL_ATTRIBUTE_COUNT_LIMIT") and not _get(environ, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"):
        environ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] = "10000"


def exit_timeout_s(environ: Environ = os.environ) -> float:
    """How long the end of a process waits for a gateway that does not answer, in seconds, once `apply` has run."""
    return int(environ[names.ENV_EXIT_TIMEOUT]) / 1000


def feedback_secret(environ: Environ = os.environ) -> bytes:
    """The key of feedback tokens, the same as the feedback endpoint's: from the file if one is named, else from the
    variable itself. It is read on every call, so a changed file needs no restart.

    Raises:
        SettingError: where none is set, the file can't be read, or it is shorter than 32 bytes.
    """
    name, path = names.ENV_FEEDBACK_SECRET_FILE, _get(environ, names.ENV_FEEDBACK_SECRET_FILE)
    if path:
        try:
            secret = Path(path).expanduser().read_bytes().strip()
        except OSError:
            raise SettingError(f"{name}={path!r}: expected a file that can be read") from None
        if len(secret) < FEEDBACK_SECRET_BYTES:
            raise SettingError(f"{name}={path!r}: expected at least {FEEDBACK_SECRET_BYTES} bytes in it")
        return secret
    secret = _get(environ, names.ENV_FEEDBACK_SECRET).encode("utf-8", "surrogateescape")
    if not secret:
        raise SettingError(f"{name}: not set; expected a file with at least {FEEDBACK_SECRET_BYTES} bytes")
    if len(secret) < FEEDBACK_SECRET_BYTES:
        raise SettingError(f"{names.ENV_FEEDBACK_SECRET}='***': expected at least {FEEDBACK_SECRET_BYTES} bytes")
    return secret


def export_timeout(signal: str, environ: Environ = os.environ) -> float | None:
    """The time-out in seconds to pass to an OTLP exporter; None when a standard variable sets it.

    Passed as an argument, not as a variable: Python reads `OTEL_EXPORTER_OTLP_TIMEOUT` in seconds, everybody else in
    milliseconds, and child processes inherit variables.

    Args:
        signal: traces, metrics or logs.
    """
    variables = ("OTEL_EXPORTER_OTLP_TIMEOUT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_TIMEOUT")
    return None if any(_get(environ, name) for name in variables) else EXPORT_TIMEOUT_S
