"""The kind of each printed address: a page for people, or an API for programs."""

from collections.abc import Iterator

import httpx

from . import access
from .settings import Settings

PAGE = "page"
WHAT = {
    "prometheus": "API; ask it with `make promtool`",
    "loki": "API",
    "tempo": "API",
    "jaeger": "API",
    "audit": "OTLP gRPC, for the gateway alone",
    "keeper": "health; it owns the audit store's tables",
    "postgres": "database; `psql` opens it",
    "feedback": "API: POST /v1/feedback takes votes",
    "alertmanager": f"{PAGE}: alerts and silences",
    "prober": "metrics",
    "node-exporter": "metrics",
    "postgres-exporter": "metrics",
    "redis-exporter": "metrics",
    "grafana": f"{PAGE}: dashboards",
}
# The official images of these have pages; what is built from source here does not.
IN_CONTAINERS = {"prometheus": f"{PAGE}: queries, targets, rules", "jaeger": f"{PAGE}: traces"}

_HEALTH = {"grafana": "/api/health", "alertmanager": "/-/ready"}


def what(service: str, engine: str) -> str:
    """The kind of content at a service's address, in a few words."""
    return (IN_CONTAINERS if engine == "docker" else {}).get(service) or WHAT[service]


def pages(settings: Settings) -> Iterator[tuple[str, str]]:
    """Name and URL of each page that opens now, the best to look at first."""
    for service, path in _HEALTH.items():
        url = f"http://127.0.0.1:{getattr(settings, f'{service}_port')}"
        try:
            if access.get(settings, service, url + path, timeout=2).is_success:
                yield WHAT[service].removeprefix(f"{PAGE}: "), url
        except httpx.HTTPError:
            continue
