"""Recording rules: the heavy queries once a minute, for alerts and dashboards. Names are level:metric:operations.

A level is what a series is by: `service` is service and environment, `service_agent` the agent besides. Errors and good
events that have no series count as zero where there was traffic; where there was none there is no ratio.
"""

from collections.abc import Iterator
from typing import Final

from ..promql import CALLS, COST, EVENTS, FEEDBACK, FIRST_CHUNK, HTTP, TOKENS, TOOLS, TURNS
from . import slo, thresholds
from .expressions import APPLICATIONS, grown
from .model import BY, Record, Records

_AGENT: Final = "gen_ai_agent_name"
_MODEL: Final = "gen_ai_request_model"
_PERCENTILES: Final = (0.5, 0.95, 0.99)
_SERVED: Final = 'http_response_status_code=~"5.."'


def groups() -> tuple[Records, ...]:
    """All recording rules. Groups run concurrently, the rules of one group in order."""
    return (
        Records("otelgate-thresholds", thresholds.records()),
        Records("otelgate-http", tuple(_http())),
        Records("otelgate-turns", tuple(_turns())),
        Records("otelgate-models", tuple(_models())),
        Records("otelgate-tools", tuple(_tools())),
        Records("otelgate-cost", tuple(_cost())),
        Records("otelgate-quality", tuple(_quality())),
        Records("otelgate-presence", tuple(_presence())),
        # An alert on data loss of the gateway has to fire within a minute.
        Records("otelgate-gateway", tuple(_gateway()), interval="15s"),
        Records("otelgate-slo", slo.records()),
        Records("otelgate-slo-budget", slo.budget_records(), interval="5m"),
    )


def _http() -> Iterator[Record]:
    yield _rate("service:http_requests:rate5m", f"{HTTP}_count{{{APPLICATIONS}}}")
    yield _rate("service:http_request_errors:rate5m", f"{HTTP}_count{{{APPLICATIONS}, {_SERVED}}}")
    yield _share(
        "service:http_request_errors:ratio_rate5m", "service:http_request_errors:rate5m", "service:http_requests:rate5m"
    )
    yield Record("service:http_requests:increase5m", "service:http_requests:rate5m * 300")
    yield from _percentiles("service:http_request_duration_seconds", f"{HTTP}_bucket{{{APPLICATIONS}}}")


def _turns() -> Iterator[Record]:
    for level, by in (("service", BY), ("service_agent", f"{BY}, {_AGENT}")):
        yield _rate(f"{level}:turns:rate5m", f"{TURNS}_count{{{APPLICATIONS}}}", by)
        yield _rate(f"{level}:turn_errors:rate5m", f'{TURNS}_count{{{APPLICATIONS}, error_type!=""}}', by)
        yield _share(f"{level}:turn_errors:ratio_rate5m", f"{level}:turn_errors:rate5m", f"{level}:turns:rate5m")
        yield from _percentiles(f"{level}:turn_duration_seconds", f"{TURNS}_bucket{{{APPLICATIONS}}}", by)
    yield Record("service:turns:increase1h", f"sum by ({BY}) (increase({TURNS}_count{{{APPLICATIONS}}}[1h]))")
    yield Record("service:turns:increase1d", f"sum by ({BY}) (increase({TURNS}_count{{{APPLICATIONS}}}[1d]))")


def _models() -> Iterator[Record]:
    model = f"{BY}, {_MODEL}"
    # A retrieval names no model.
    calls = f'{APPLICATIONS}, gen_ai_operation_name!="retrieval"'
    yield _rate("service_model:model_calls:rate5m", f"{CALLS}_count{{{calls}}}", model)
    yield _rate("service_model:model_call_errors:rate5m", f'{CALLS}_count{{{calls}, error_type!=""}}', model)
    yield _share(
        "service_model:model_call_errors:ratio_rate5m",
        "service_model:model_call_errors:rate5m",
        "service_model:model_calls:rate5m",
    )
    yield from _percentiles("service_model:model_call_duration_seconds", f"{CALLS}_bucket{{{calls}}}", model)
    yield from _percentiles(
        "service_model:time_to_first_chunk_seconds", f"{FIRST_CHUNK}_bucket{{{APPLICATIONS}}}", model
    )
    yield from _percentiles("service:time_to_first_chunk_seconds", f"{FIRST_CHUNK}_bucket{{{APPLICATIONS}}}")
    yield _rate("service:first_chunks:rate5m", f"{FIRST_CHUNK}_count{{{APPLICATIONS}}}")
    yield _rate("service_model:tokens:rate5m", f"{TOKENS}_sum{{{APPLICATIONS}}}", f"{model}, gen_ai_token_type")
    speed = "otelgate_llm_output_rate_per_second"
    yield Record(
        "service_model:output_tokens_per_second:mean5m",
        f"sum by ({model}) (rate({speed}_sum{{{APPLICATIONS}}}[5m]))\n"
        f"/ (sum by ({model}) (rate({speed}_count{{{APPLICATIONS}}}[5m])) > 0)",
    )
    retrieval = f'{APPLICATIONS}, gen_ai_operation_name="retrieval"'
    yield _rate("service:retrievals:rate5m", f"{CALLS}_count{{{retrieval}}}")
    yield from _percentiles("service:retrieval_duration_seconds", f"{CALLS}_bucket{{{retrieval}}}")


def _tools() -> Iterator[Record]:
    tool = f"{BY}, gen_ai_tool_name"
    yield _rate("service_tool:tool_calls:rate5m", f"{TOOLS}_count{{{APPLICATIONS}}}", tool)
    yield _rate("service_tool:tool_call_errors:rate5m", f'{TOOLS}_count{{{APPLICATIONS}, error_type!=""}}', tool)
    yield _share(
        "service_tool:tool_call_errors:ratio_rate5m",
        "service_tool:tool_call_errors:rate5m",
        "service_tool:tool_calls:rate5m",
    )
    yield from _percentiles("service_tool:tool_call_duration_seconds", f"{TOOLS}_bucket{{{APPLICATIONS}}}", tool)


def _cost() -> Iterator[Record]:
    model = f"{BY}, {_MODEL}"
    for window in ("1h", "1d"):
        yield Record(
            f"service_model:llm_cost_usd:increase{window}",
            f"sum by ({model}) (increase({COST}{{{APPLICATIONS}}}[{window}]))",
        )
        yield Record(
            f"service:llm_cost_usd:increase{window}", f"sum by ({BY}) (service_model:llm_cost_usd:increase{window})"
        )
    # The cost of the next 24 hours at the pace of the last 6, and a month at that of the last 7 days (moments without a
    # value are left out, so that a service of two days is not taken for one that rested five).
    yield Record("service:llm_cost_usd:forecast1d", f"4 * sum by ({BY}) (increase({COST}{{{APPLICATIONS}}}[6h]))")
    yield Record("service:llm_cost_usd:forecast30d", "30 * avg_over_time(service:llm_cost_usd:increase1d[7d])")
    # A token has no price status, but its model's calls have: a model is priced or it is not.
    calls = f"{CALLS}_count{{{APPLICATIONS}"
    priced = f'{calls}, otelgate_cost_status=~"priced|unpriced"}}'
    unpriced = f'{calls}, otelgate_cost_status="unpriced"}}'
    yield Record(
        "service_model:unpriced_calls:ratio_increase1h",
        f"(sum by ({model}) (increase({unpriced}[1h])) or 0 * sum by ({model}) (increase({priced}[1h])))\n"
        f"/ (sum by ({model}) (increase({priced}[1h])) > 0)",
    )
    yield Record("service_model:tokens:increase1h", f"sum by ({model}) (increase({TOKENS}_sum{{{APPLICATIONS}}}[1h]))")
    tokens = "service_model:tokens:increase1h"
    yield Record(
        "service:unpriced_tokens:ratio_increase1h",
        f"sum by ({BY}) ({tokens} * service_model:unpriced_calls:ratio_increase1h) / (sum by ({BY}) ({tokens}) > 0)",
    )
    yield Record("service:priced_or_not_calls:increase1h", f"sum by ({BY}) (increase({priced}[1h]))")


def _quality() -> Iterator[Record]:
    yield Record("service:votes:increase1d", f"sum by ({BY}) (increase({FEEDBACK}{{{APPLICATIONS}}}[1d]))")
    positive = f'sum by ({BY}) (increase({FEEDBACK}{{{APPLICATIONS}, rating="positive"}}[1d]))'
    # If every vote is negative, there is no positive series: that is 0, not nothing.
    yield Record(
        "service:satisfaction:ratio_increase1d",
        f"({positive} or 0 * service:votes:increase1d) / (service:votes:increase1d > 0)",
    )
    by_event = f"{BY}, event_name"
    yield Record("service_event:events:increase1h", f"sum by ({by_event}) (increase({EVENTS}{{{APPLICATIONS}}}[1h]))")
    yield Record("service_event:events:increase1d", f"sum by ({by_event}) (increase({EVENTS}{{{APPLICATIONS}}}[1d]))")
    reservations = f'{EVENTS}{{{APPLICATIONS}, event_name="reservation"'
    yield Record("service:reservations:increase1h", f"sum by ({BY}) (increase({reservations}}}[1h]))")
    yield Record(
        "service:reservation_failures:increase1h", f'sum by ({BY}) (increase({reservations}, status="failed"}}[1h]))'
    )
    yield _share(
        "service:reservation_failures:ratio_increase1h",
        "service:reservation_failures:increase1h",
        "service:reservations:increase1h",
    )


def _presence() -> Iterator[Record]:
    # An SDK pushes metrics every 15 s even without requests: its heartbeat. `job` is the service's name, behind
    # its namespace if it has one; Prometheus holds a last value for 5 minutes.
    job = '"service_name", "$1", "job", "(?:.*/)?([^/]+)"'
    yield Record(
        "service:telemetry:present",
        f'group by ({BY}) (label_replace(target_info{{job!~"(.*/)?otelgate-.*"}}, {job}))',
    )
    yield Record("service:telemetry:minutes1d", "sum_over_time(service:telemetry:present[1d])")


def _gateway() -> Iterator[Record]:
    signals = {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}
    for signal, items in signals.items():
        for word, metric, by in (
            ("accepted", f"otelcol_receiver_accepted_{items}_total", "instance, receiver"),
            ("sent", f"otelcol_exporter_sent_{items}_total", "instance, exporter"),
        ):
            yield Record(f"gateway:{word}:rate5m", f"sum by ({by}) (rate({metric}[5m]))", {"signal": signal})
        for word, metric, by in (
            ("refused", f"otelcol_receiver_refused_{items}_total", "instance, receiver"),
            ("failed", f"otelcol_receiver_failed_{items}_total", "instance, receiver"),
            ("dropped", f"otelcol_exporter_send_failed_{items}_total", "instance, exporter"),
            ("not_queued", f"otelcol_exporter_enqueue_failed_{items}_total", "instance, exporter"),
        ):
            yield Record(f"gateway:{word}:increase5m", grown(metric, "5m", by=by), {"signal": signal})
    yield Record(
        "gateway:queue_used:ratio",
        "max by (instance, exporter, data_type) (otelcol_exporter_queue_size)"
        " / max by (instance, exporter, data_type) (otelcol_exporter_queue_capacity)",
    )
    yield Record(
        "gateway_metric:derived_series:max", "max by (instance, otelgate_derive_metric) (otelgate_derive_series)"
    )


def _rate(name: str, series: str, by: str = BY) -> Record:
    return Record(name, f"sum by ({by}) (rate({series}[5m]))")


def _share(name: str, part: str, whole: str) -> Record:
    return Record(name, f"({part} or 0 * {whole}) / ({whole} > 0)")


def _percentiles(name: str, buckets: str, by: str = BY) -> Iterator[Record]:
    for share in _PERCENTILES:
        expr = f"histogram_quantile({share:g}, sum by (le, {by}) (rate({buckets}[5m])))"
        yield Record(f"{name}:p{share * 100:g}_rate5m", expr)
