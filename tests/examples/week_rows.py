"""Metrics that the four systems had, asked of a week of the examples: what other tests don't count exactly."""

from dataclasses import dataclass

from otelgate_grafana import names, promql
from otelgate_grafana.queries import Query, prom, sql

_ESTATE = "from_time => now() - interval '7 days', services => '{estate-bot}'"
_MODELS = ("haiku", "sonnet", "opus")


@dataclass(frozen=True)
class Row:
    """An id of tests/coverage/rows.yaml, and what must all give a number that is not zero."""

    id: str
    queries: tuple[Query, ...]


def _grew(service: str, metric: str, where: str = "", by: str = "") -> Query:
    """How much a counter grew in the week."""
    return prom(promql.increase(_of(service, metric, where), "7d", by=by), instant=True)


def _p95(service: str, metric: str, where: str = "") -> Query:
    return prom(promql.quantile(0.95, _of(service, f"{metric}_bucket", where), window="7d"), instant=True)


def _highest(series: str) -> Query:
    return prom(f"max(max_over_time({series}[7d]))", instant=True)


def _of(service: str, metric: str, where: str = "") -> str:
    return f'{metric}{{service_name="{service}"' + (f", {where}}}" if where else "}")


ROWS = (
    Row(
        "M-A05",
        (
            _grew("estate-bot", f"{promql.TURNS}_count", 'error_type=""'),
            _grew("estate-bot", f"{promql.TURNS}_count", 'error_type!=""', by="error_type"),
            _p95("estate-bot", promql.TURNS),
        ),
    ),
    Row(
        "M-A06",
        (
            _grew("estate-bot", f"{promql.TOKENS}_sum", 'gen_ai_token_type="input"'),
            _grew("estate-bot", f"{promql.TOKENS}_sum", 'gen_ai_token_type="output"'),
            *(_grew("estate-bot", promql.COST, f'gen_ai_request_model=~"claude-{model}.*"') for model in _MODELS),
        ),
    ),
    Row("M-A08", (_highest(_of("estate-bot", "otelgate_user_active", 'otelgate_window="5m"')),)),
    Row(
        "M-A09",
        (
            sql(f"SELECT max(dau), max(mau) FROM analytics.active_users({_ESTATE})"),
            sql(f"SELECT count(*) FROM analytics.retention({_ESTATE})"),
            sql(f"SELECT count(*) FROM analytics.churn({_ESTATE})"),
            sql(f"SELECT count(*) FROM analytics.journeys({_ESTATE})"),
            sql("SELECT sum(users) FROM analytics.users_by_tier WHERE service = 'estate-bot' AND tier = 'pro'"),
            sql("SELECT mrr_usd FROM analytics.mrr WHERE service = 'estate-bot'"),
        ),
    ),
    Row(
        "M-A10",
        (
            sql(f"SELECT sum(cost_usd) FROM analytics.cost_by_tool({_ESTATE}) WHERE tool <> '(none)'"),
            sql(f"SELECT sum(cost_usd) FROM analytics.cost_by('feature', {_ESTATE}) WHERE label <> '(none)'"),
            sql(f"SELECT sum(cost_usd) FROM analytics.cost_by('user', {_ESTATE}) WHERE label <> '(none)'"),
            sql("SELECT margin_usd FROM analytics.tier_margin WHERE service = 'estate-bot' AND tier = 'pro'"),
        ),
    ),
    Row("M-B03", (_grew("osool", f"{promql.CALLS}_count", 'otelgate_feature!=""', by="otelgate_feature"),)),
    Row(
        "M-B04",
        (
            _grew("osool", f"{promql.TOKENS}_sum", 'gen_ai_request_model=~"gpt-4o.*", gen_ai_token_type="input"'),
            _grew("osool", f"{promql.TOKENS}_sum", 'gen_ai_request_model=~"gpt-4o.*", gen_ai_token_type="output"'),
        ),
    ),
    Row("M-B05", (_grew("osool", promql.COST, 'gen_ai_request_model=~"gpt-4o.*"'),)),
    Row("M-C02", tuple(_p95("bestbox", promql.TURNS, f'gen_ai_agent_name="{name}"') for name in ("router", "erp"))),
    Row("M-C03", (_grew("bestbox", f"{promql.TOKENS}_sum", 'gen_ai_request_model="qwen2.5-14b"'),)),
    Row("M-C06", (_highest(_of("bestbox", "otelgate_session_active")),)),
    Row("M-C07", (_p95("bestbox", promql.CALLS, 'gen_ai_operation_name="retrieval"'),)),
    Row("M-D06", (_p95("execora", promql.DATABASE),)),
    Row(
        "M-D10",
        (
            _grew("execora", names.PROCESS_CPU.series),
            _highest(_of("execora", names.PROCESS_MEMORY.series)),
            *(
                _highest(f"node_{name}")
                for name in (
                    "cpu_seconds_total",
                    "memory_MemAvailable_bytes",
                    "filesystem_avail_bytes",
                    "network_receive_bytes_total",
                )
            ),
        ),
    ),
)
