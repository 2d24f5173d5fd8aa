"""Small typed read clients: one for each store, the gateway's own metrics and the audit sink's health.

Each has `ready()`, reads with one HTTP request per call, and raises `StoreError` with the URL, the status and the first
line of the answer. `None` or an empty list means that the store answered and holds nothing. PostgreSQL's is in
audit_store.py.
"""

from .alertmanager import Alertmanager
from .audit_sink import AuditSink
from .gateway import GatewayMetrics
from .jaeger import Jaeger
from .loki import LogLine, Loki
from .prometheus import Prometheus
from .samples import Sample, parse_text
from .spans import Event, Span
from .store import Store, StoreError
from .tempo import Tempo, TraceSummary

__all__ = [
    "Alertmanager",
    "AuditSink",
    "Event",
    "GatewayMetrics",
    "Jaeger",
    "LogLine",
    "Loki",
    "Prometheus",
    "Sample",
    "Span",
    "Store",
    "StoreError",
    "Tempo",
    "TraceSummary",
    "parse_text",
]
