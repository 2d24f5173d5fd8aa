"""Small typed read clients: one for each store, the gateway's own metrics and the audit sink's health.

Each has `ready()`, reads with one HTTP request per call, and raises `StoreError` with the URL, the status and the first
line of the answer. `None` or an empty list means that the store answered and holds nothing. PostgreSQL's is in
audit_store.py.
"""

from importlib import import_module
from typing import Final

from ..service_table import STORES
from .alertmanager import Alertmanager
from .audit_sink import AuditSink
from .gateway import GatewayMetrics
from .jaeger import Jaeger
from .loki import LogLine, Loki
from .prometheus import Prometheus
from .samples import Sample, parse_text
from .spans import Event, Span
from .store import Reader, Store, StoreError, TraceStore
from .tempo import Tempo, TraceSummary

__all__ = [
    "READERS",
    "Alertmanager",
    "AuditSink",
    "Event",
    "GatewayMetrics",
    "Jaeger",
    "LogLine",
    "Loki",
    "Prometheus",
    "Reader",
    "Sample",
    "Span",
    "Store",
    "StoreError",
    "Tempo",
    "TraceStore",
    "TraceSummary",
    "parse_text",
]

for _name in STORES:
    import_module(f".{_name}", __package__)

READERS: Final[dict[str, type[Reader]]] = dict(Reader.by_service)
"""By the name of the store in service_table.py: the file of that name has its reader."""
