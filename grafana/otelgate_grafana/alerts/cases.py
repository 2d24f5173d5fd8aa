"""Series for the alerts' tests, in promtool's notation."""

from collections.abc import Mapping
from typing import Final

PRODUCTION: Final = "production"


def labels(service: str, environment: str = PRODUCTION, **more: str) -> dict[str, str]:
    """The labels of an alert about a service."""
    return {"service_name": service, "deployment_environment_name": environment, **more}


def series(metric: str, service: str = "", /, **more: str) -> str:
    """`metric{service_name="…", deployment_environment_name="production", …}`."""
    named = {**(labels(service) if service else {}), **more}
    return f"{metric}{{{','.join(f'{name}={value!r}' for name, value in named.items())}}}".replace("'", '"')


def histogram(metric: str, service: str, buckets: Mapping[str, float], length: int, **more: str) -> dict[str, str]:
    """A histogram that grows by `buckets` (le -> events, cumulative) at every step; +Inf holds them all."""
    rows = {
        series(f"{metric}_bucket", service, **more, le=bound): f"0+{grows:g}x{length}"
        for bound, grows in buckets.items()
    }
    return {**rows, series(f"{metric}_count", service, **more): f"0+{buckets['+Inf']:g}x{length}"}


def percent(share: float) -> str:
    """As `humanizePercentage` writes a share."""
    return f"{share * 100:.4g}%"
