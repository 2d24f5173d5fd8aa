"""The functions that start and end telemetry. They import the SDK only when called."""

from __future__ import annotations

from . import _guard


@_guard.never_raises(None)
def init() -> None:
    """Set up telemetry for this process, as `opentelemetry-instrument` does: traces, logs, metrics.

    Everything is set by the standard `OTEL_*` variables. Calling it again, or under `opentelemetry-instrument`, changes
    nothing. Never raises: what is wrong with the settings is logged, and the application goes on without telemetry.
    """
    from . import _distro

    _distro.init()


@_guard.never_raises(False)
def flush(timeout_s: float = 2.0) -> bool:
    """Send everything recorded so far.

    Args:
        timeout_s: how long to wait at most, in seconds.

    Returns:
        Whether all of it was delivered. False also when telemetry is off. Never raises.
    """
    from . import _lifecycle

    lifecycle = _lifecycle.current()
    return lifecycle is not None and lifecycle.flush(timeout_s)


@_guard.never_raises(None)
def shutdown() -> None:
    """Send everything recorded so far, and end telemetry in this process for good.

    Waits as long as the end of a process does, `OTELGATE_EXIT_TIMEOUT` for a gateway that does not answer. Not needed
    at the end of a program, where the same happens by itself. Never raises.
    """
    from . import _lifecycle

    lifecycle = _lifecycle.current()
    if lifecycle is not None:
        lifecycle.shutdown()
