"""Delivery of the telemetry itself: data accepted, refused, queued, sent and dropped at each hop."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.dashboards.gateway_limits import PRICES, SERIES
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import gauge, rising, stat, timeseries
from otelgate_grafana.promql import or_zero, quantile, rate
from otelgate_grafana.queries import prom

_HEALTH = links.dashboard(uids.SERVICE_HEALTH, "Service health")
_MONEY = links.dashboard(uids.AI_COST, "AI and cost")
_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit")


def _signals(metric: str, *, by: str = "", window: str = "$__rate_interval", of: str = "rate", where: str = "") -> str:
    """Spans, log records and metric points of one of the Collector's counters together, which are three metrics.

    Without the label `signal` they could not be distinguished once their names are gone.
    """
    parts = (
        f'label_replace({of}(otelcol_{metric}_{signal}_total{where}[{window}]), "signal", "{signal}", "", "")'
        for signal in ("spans", "log_records", "metric_points")
    )
    return f"sum{f' by ({by})' if by else ''} ({' or '.join(parts)})"


_NOT_OWN = '{receiver!="otlp/self"}'
"""Excludes the receiver of the gateway's own telemetry."""


_NOW = Row(
    "Data loss",
    stat(
        "Refused, 1 h",
        [prom(or_zero(_signals("receiver_refused", window="1h", of="increase", where=_NOT_OWN)), instant=True)],
        unit="short",
        decimals=0,
        description="Spans, log records and metric points that the gateway refused in the last hour, since its "
        "queue or its memory was full. Clients retry; if they give up, the data are lost.",
        thresholds=rising(1, 1000),
        links=[_HEALTH],
    ),
    stat(
        "Dropped, 1 h",
        [
            prom(
                or_zero(
                    f"({_signals('exporter_send_failed', window='1h', of='increase')} or vector(0)) + "
                    f"({_signals('exporter_enqueue_failed', window='1h', of='increase')} or vector(0)) + "
                    "(sum(increase(otelgate_rejected_items_total[1h])) or vector(0))"
                ),
                instant=True,
            )
        ],
        unit="short",
        decimals=0,
        description="Data that the gateway had accepted and could not deliver in the last hour: a store refused them "
        "permanently, or its queue was full. Must be 0.",
        thresholds=rising(1, 1),
        alerts=("GatewayDropping", "StoreRejecting"),
        links=[_HEALTH],
    ),
    gauge(
        "Highest queue utilization",
        [
            prom(
                "max (max by (exporter, data_type) (otelcol_exporter_queue_size) / "
                "(max by (exporter, data_type) (otelcol_exporter_queue_capacity) > 0))",
                instant=True,
            )
        ],
        unit="percentunit",
        high=1,
        width=4,
        height=4,
        description="Utilization of the fullest queue on disk. When one is full, the gateway refuses data.",
        thresholds=rising(0.5, 0.8),
        alerts=("GatewayQueueFilling",),
        links=[_HEALTH],
    ),
    stat(
        "Audit rows missing",
        [prom(or_zero('sum (otelgate_audit_reconciliation_missing{otelgate_audit_quantity!="cost"})'), instant=True)],
        unit="short",
        decimals=0,
        description="Runs and model calls of the last hour that the gateway counted and the audit database does not "
        "have. Must be 0.",
        thresholds=rising(1, 1),
        alerts=("AuditRowsMissing",),
        links=[_AUDIT],
    ),
    stat(
        "Oldest waiting batch",
        [prom(or_zero("max (otelgate_audit_queue_age_seconds)"), instant=True)],
        unit="s",
        decimals=1,
        description="How long the oldest batch in the audit sink has been waiting for its commit.",
        thresholds=rising(5, 30),
        links=[_AUDIT],
    ),
    stat(
        "Gateways",
        [prom("count (otelcol_process_uptime_seconds_total)", instant=True)],
        unit="short",
        decimals=0,
        description="Gateways that report metrics. One that has been silent for 5 minutes no longer counts.",
        links=[_HEALTH],
    ),
)

_HOPS = Row(
    "Hops",
    timeseries(
        "Accepted",
        [prom(_signals("receiver_accepted", by="signal, transport", where=_NOT_OWN), "{{signal}} {{transport}}")],
        unit="suffix: /s",
        width=8,
        description="Spans, log records and metric points received and accepted, a second.",
        links=[_HEALTH],
    ),
    timeseries(
        "Refused or failed",
        [
            prom(_signals("receiver_refused", by="signal", where=_NOT_OWN), "refused {{signal}}"),
            prom(_signals("receiver_failed", by="signal", where=_NOT_OWN), "failed {{signal}}"),
        ],
        unit="suffix: /s",
        width=8,
        description="Data received and not accepted, a second: refused (clients retry) or failed inside the gateway. "
        "Should be zero.",
        links=[_HEALTH],
    ),
    timeseries(
        "Sent",
        [prom(_signals("exporter_sent", by="exporter"), "{{exporter}}")],
        unit="suffix: /s",
        width=8,
        description="Data delivered by each exporter, a second: Tempo, Loki, Prometheus, the audit sink. If one "
        "falls to zero while others continue, that store does not answer.",
        links=[_HEALTH],
    ),
    timeseries(
        "Queued",
        [prom("max by (exporter, data_type) (otelcol_exporter_queue_size)", "{{exporter}} {{data_type}}")],
        unit="decbytes",
        width=8,
        description="Bytes waiting on disk for each store. If a queue grows, its store is slow or unavailable; "
        "nothing is lost until it is full.",
        alerts=("GatewayQueueFilling",),
        links=[_HEALTH],
    ),
    timeseries(
        "Dropped",
        [
            prom(or_zero(_signals("exporter_send_failed", by="exporter")), "send failed {{exporter}}"),
            prom(or_zero(_signals("exporter_enqueue_failed", by="exporter")), "queue full {{exporter}}"),
            prom(or_zero(rate("otelgate_rejected_items_total", by="store")), "refused {{store}}"),
        ],
        unit="suffix: /s",
        width=8,
        description="Data lost after they had been accepted, a second, by exporter. Should be zero.",
        alerts=("GatewayDropping",),
        links=[_HEALTH],
    ),
    timeseries(
        "Filtered by rule",
        [
            prom(rate(f"otelcol_processor_filter_{kind}_filtered_total", by="filter"), f"{kind} {{{{filter}}}}")
            for kind in ("spans", "logs")
        ],
        unit="suffix: /s",
        width=8,
        description="Data that a branch filters on purpose: the audit branch takes only spans and events of agents.",
        links=[_AUDIT],
    ),
)

_AUDIT_ROW = Row(
    "The audit trail",
    timeseries(
        "Reconciliation",
        [
            prom(
                or_zero(f'sum (otelgate_audit_reconciliation_{part}{{otelgate_audit_quantity="{quantity}"}})'),
                f"{quantity} {part}",
            )
            for part in ("missing", "surplus", "rejected")
            for quantity in ("runs", "calls", "cost")
        ],
        unit="short",
        width=8,
        description="Runs, model calls and their cost (USD) that the gateway counted against those stored, over the "
        "last hour. Missing: counted, not stored. Surplus: stored, not counted. Rejected: could not be stored.",
        alerts=("AuditRowsMissing",),
        links=[_AUDIT],
    ),
    timeseries(
        "Records",
        [
            prom(rate("otelgate_audit_accepted_total"), "accepted"),
            prom(rate("otelgate_audit_committed_total"), "committed"),
            prom(or_zero(rate("otelgate_audit_rejected_total")), "rejected"),
        ],
        unit="suffix: /s",
        width=8,
        description="Records that the sink read, committed and could not store, a second. Accepted over committed: "
        "duplicate records, which change nothing.",
        links=[_AUDIT],
    ),
    timeseries(
        "Commits",
        [prom(quantile(share, "otelgate_audit_write_duration_seconds_bucket"), name)
         for share, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))],
        unit="s",
        width=8,
        description="Duration of a transaction. The sink responds to the gateway only after it; a slow database fills "
        "the queue.",
        thresholds=rising(1, 5),
        links=[_HEALTH],
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    uid=uids.GATEWAY,
    title="Gateway",
    description="Delivery of the telemetry itself: data accepted, refused, queued, sent and dropped at each hop.",
    variables=variables.common(),
    rows=(_NOW, _HOPS, _AUDIT_ROW, PRICES, SERIES),
)
