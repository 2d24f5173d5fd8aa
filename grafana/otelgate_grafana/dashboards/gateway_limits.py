"""Missing prices, series near their cap, content removed for privacy: rows of the dashboard Gateway."""

from otelgate_grafana import links, uids
from otelgate_grafana.layout import Row
from otelgate_grafana.panels import Column, bargauge, rising, table, timeseries
from otelgate_grafana.promql import CALLS, or_zero, rate, ratio, select
from otelgate_grafana.queries import analytics, prom, sql

_HEALTH = links.dashboard(uids.SERVICE_HEALTH, "Service health")
_MONEY = links.dashboard(uids.AI_COST, "AI and cost")
_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit")

_SERIES_CAP = 2000
"""`max_series` of collector/derive: of each metric."""

_CALLS = select(f"{CALLS}_count", where='gen_ai_operation_name!="retrieval"')
_UNPRICED = select(f"{CALLS}_count", where='gen_ai_operation_name!="retrieval", otelgate_cost_status="unpriced"')


PRICES = Row(
    "Calls without a price",
    timeseries(
        "Share of unpriced calls",
        [prom(ratio(_UNPRICED, _CALLS, by="service_name", window="1h"), "{{service_name}}")],
        unit="percentunit",
        high=1,
        description="Share of model calls over the previous hour whose model has no price: "
        "their cost is missing from the sums.",
        thresholds=rising(0.01, 0.1),
        alerts=("UnpricedTokensHigh",),
        links=[_MONEY],
    ),
    table(
        "Models without a price",
        [
            sql(
                f"""
                SELECT provider, model, unpriced, calls, input_tokens, output_tokens
                FROM {analytics("cost_by_model")}
                WHERE unpriced > 0
                ORDER BY unpriced DESC
                """
            )
        ],
        description="Models with calls without a price in the range, and the tokens that they read and wrote. "
        "Add them to a prices file (OTELGATE_PRICES_FILE).",
        columns={
            "unpriced": Column(title="Calls without a price", unit="short", thresholds=rising(1)),
            "calls": Column(title="Calls", unit="short"),
            "input_tokens": Column(unit="short"),
            "output_tokens": Column(unit="short"),
        },
        normally_empty="every model has a price",
        alerts=("UnpricedTokensHigh",),
        links=[_MONEY],
    ),
)

SERIES = Row(
    "Series and privacy",
    bargauge(
        "Series near the cap",
        [prom("max by (otelgate_derive_metric) (otelgate_derive_series)", "{{otelgate_derive_metric}}", instant=True)],
        unit="short",
        decimals=0,
        high=_SERIES_CAP,
        height=10,
        description=f"Live series of each derived metric; the cap is {_SERIES_CAP} (`max_series`). At the cap "
        "all new combinations go to one series with otel_metric_overflow=true, and lose their labels.",
        thresholds=rising(0.8 * _SERIES_CAP, 0.95 * _SERIES_CAP),
        links=[_HEALTH],
    ),
    timeseries(
        "Overflowed, invalid or resent",
        [
            prom(
                rate("otelgate_derive_overflow_total", by="otelgate_derive_metric"),
                "overflow {{otelgate_derive_metric}}",
            ),
            prom(rate("otelgate_derive_invalid_total"), "invalid"),
            prom(rate("otelgate_derive_resent_total"), "resent"),
        ],
        unit="suffix: /s",
        height=10,
        description="Measurements that lost their labels at the cap or could not be counted, and resent records, "
        "which were correctly not counted twice.",
        links=[_HEALTH],
    ),
    timeseries(
        "Content removed",
        [prom(rate("otelgate_redact_removed_total", by="otelgate_redact_field"), "{{otelgate_redact_field}}")],
        unit="suffix: /s",
        description="Fields with message content that were removed before traces and logs were stored, by "
        "their location.",
        links=[_AUDIT],
    ),
    timeseries(
        "Personal data masked",
        [prom(rate("otelgate_redact_masked_total", by="otelgate_redact_rule"), "{{otelgate_redact_rule}}")],
        unit="suffix: /s",
        description="Matches of each masking rule: e-mail addresses, card numbers, keys and similar.",
        normally_empty="no data matched a masking rule",
        links=[_AUDIT],
    ),
    timeseries(
        "Span index",
        [
            prom("max by (instance) (otelgate_genai_index_size)", "spans {{instance}}"),
            prom(
                or_zero(f"60 * {rate('otelgate_genai_index_evictions_total', by='reason')}"),
                "evicted per minute {{reason}}",
            ),
        ],
        unit="short",
        description="Spans that the gateway remembers to find a call's agent and duplicates. Evicted while full: later "
        "spans of those traces may lack their agent.",
        links=[_HEALTH],
    ),
    timeseries(
        "Gateway memory",
        [
            prom("sum by (instance) (otelcol_process_memory_rss_bytes)", "memory {{instance}}"),
        ],
        unit="bytes",
        description="Resident memory of each gateway; over OTELGATE_MEMORY_LIMIT_MIB it refuses data.",
        links=[_HEALTH],
    ),
)
