"""The limits of settings.yaml as series, so that alerts join them by service and dashboards can draw them."""

from .model import Record
from .settings import Settings, load


def records(settings: Settings | None = None) -> tuple[Record, ...]:
    """otelgate:threshold{alert, service_name} and otelgate:threshold_default{alert}."""
    rows = []
    for alert, threshold in (settings or load()).thresholds.items():
        if threshold.default is not None:
            rows.append(Record("otelgate:threshold_default", f"{threshold.default:g}", {"alert": alert}))
        for service, value in threshold.services.items():
            labels = {"alert": alert, "service_name": service}
            rows.append(Record("otelgate:threshold", f"{value:g}", labels))
    return tuple(rows)
