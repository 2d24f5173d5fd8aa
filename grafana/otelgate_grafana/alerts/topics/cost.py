"""The cost of models, and users who ask more than the limit."""

from typing import Final

from ...promql import CALLS, COST, TOKENS
from ...uids import AI_COST, USER_ANALYTICS
from ..cases import labels, series
from ..expressions import APPLICATIONS, beyond, limit
from ..model import BY, Alert, Case, Expected

_MODEL: Final = {"gen_ai_request_model": "gpt-4o"}


def _cost(service: str, values: str) -> dict[str, str]:
    return {series(COST, service, **_MODEL): values}


COST_HOUR_HIGH: Final = Alert(
    name="CostHourHigh",
    group="otelgate-cost-alerts",
    expr=beyond("service:llm_cost_usd:increase1h", "CostHourHigh"),
    for_="0s",
    severity="warning",
    team="ai",
    notify="slack-email",
    summary='{{ $labels.service_name }} spent ${{ $value | printf "%.2f" }} on models in an hour',
    description="Priced calls of the last 60 minutes.",
    dashboard=AI_COST,
    silent_while=("CostHourOverrun",),
    covers=("L16",),
    fires=Case(_cost("estate-bot", "0+0.5x24"), "1h", (Expected(labels("estate-bot"), "6.00"),), step="5m"),
    quiet=(
        Case(_cost("estate-bot", "0+0.4x24"), "1h30m", why="$4.80 an hour", step="5m"),
        Case({}, "1h30m", why="never a priced call", step="5m"),
    ),
)

COST_HOUR_OVERRUN: Final = Alert(
    name="CostHourOverrun",
    group="otelgate-cost-alerts",
    # Straight from the counters: it does not wait for the next minute's recording.
    expr=beyond(f"sum by ({BY}) (increase({COST}{{{APPLICATIONS}}}[1h]))", "CostHourOverrun"),
    for_="0s",
    severity="critical",
    team="ai",
    summary='{{ $labels.service_name }} spent ${{ $value | printf "%.2f" }} on models in an hour',
    description="Priced calls of the last 60 minutes.",
    dashboard=AI_COST,
    covers=("L17",),
    fires=Case(_cost("estate-bot", "0 0 12x24"), "15m", (Expected(labels("estate-bot"), "12.00"),), step="5m"),
    quiet=(Case(_cost("estate-bot", "0+0.8x24"), "1h30m", why="$9.60 an hour", step="5m"),),
)

COST_DAY_HIGH: Final = Alert(
    name="CostDayHigh",
    group="otelgate-cost-alerts",
    expr=beyond("service:llm_cost_usd:increase1d", "CostDayHigh"),
    for_="0s",
    severity="warning",
    team="ai",
    notify="email",
    summary='{{ $labels.service_name }} spent ${{ $value | printf "%.2f" }} on models in 24 hours',
    description="Priced calls of the last 24 hours.",
    dashboard=AI_COST,
    covers=("L18",),
    # $60 is over estate-bot's limit and under Osool's.
    fires=Case(
        _cost("estate-bot", "0+1.5x50") | _cost("osool", "0+1.5x50"),
        "20h",
        (Expected(labels("estate-bot"), "60.00"),),
        step="30m",
    ),
    quiet=(Case(_cost("osool", "0+2.04x50"), "24h", why="$97.92 a day; Osool's limit is $100", step="30m"),),
)

USER_QUERY_BURST: Final = Alert(
    name="UserQueryBurst",
    group="otelgate-cost-alerts",
    # The sink counts users over OTELGATE_QUERY_LIMIT; who they are, only the audit database knows.
    expr=f"max by ({BY}) (otelgate_user_over_limit{{{APPLICATIONS}}}) > 0",
    for_="0s",
    severity="warning",
    team="product",
    summary="{{ $value | humanize }} users of {{ $labels.service_name }} ask more in an hour than the limit",
    description="More than OTELGATE_QUERY_LIMIT turns of one user in an hour; the default is 50.",
    dashboard=USER_ANALYTICS,
    covers=("L19",),
    fires=Case(
        {series("otelgate_user_over_limit", service_name="estate-bot"): "0x3 2x10"},
        "3m",
        (Expected({"service_name": "estate-bot"}, "2"),),
    ),
    quiet=(
        Case({series("otelgate_user_over_limit", service_name="estate-bot"): "0x10"}, "3m", why="no user is over it"),
    ),
)

LLM_BUDGET_HOUR: Final = Alert(
    name="LlmBudgetHour",
    group="otelgate-cost-alerts",
    expr=f"sum by (deployment_environment_name) (service:llm_cost_usd:increase1h) > {limit('LlmBudgetHour')}",
    for_="0s",
    severity="warning",
    team="ai",
    summary='All services together spent ${{ $value | printf "%.2f" }} on models in an hour',
    description="Each may be within its own limit; the hourly budget is spent.",
    dashboard=AI_COST,
    fires=Case(
        _cost("estate-bot", "0 0 9x120") | _cost("osool", "0 0 9x120") | _cost("execora", "0 0 9x120"),
        "4m",
        (Expected({"deployment_environment_name": "production"}, "27.00"),),
        step="1m",
    ),
    quiet=(Case(_cost("estate-bot", "0 0 12x99") | _cost("osool", "0 0 12x99"), "4m", why="$24", step="1m"),),
)

LLM_BUDGET_DAY: Final = Alert(
    name="LlmBudgetDay",
    group="otelgate-cost-alerts",
    expr=f"sum by (deployment_environment_name) (service:llm_cost_usd:increase1d) > {limit('LlmBudgetDay')}",
    for_="0s",
    severity="warning",
    team="ai",
    notify="slack-email",
    summary='All services together spent ${{ $value | printf "%.2f" }} on models in 24 hours',
    description="Each may be within its own limit; the daily budget is spent.",
    dashboard=AI_COST,
    fires=Case(
        _cost("estate-bot", "0+3.6x50") | _cost("osool", "0+3.6x50"),
        "20h",
        (Expected({"deployment_environment_name": "production"}, "288.00"),),
        step="30m",
    ),
    quiet=(Case(_cost("estate-bot", "0+3x50") | _cost("osool", "0+3x50"), "20h", why="$240", step="30m"),),
)

LLM_BUDGET_FORECAST: Final = Alert(
    name="LlmBudgetForecast",
    group="otelgate-cost-alerts",
    expr="(\n"
    + beyond("service:llm_cost_usd:forecast1d", "CostDayHigh")
    + "\n)\nunless (\n"
    # A service already over the limit needs no forecast.
    + beyond("service:llm_cost_usd:increase1d", "CostDayHigh")
    + "\n)",
    for_="30m",
    severity="info",
    team="ai",
    summary='At this pace {{ $labels.service_name }} will spend ${{ $value | printf "%.2f" }} on models in 24 hours',
    description="Four times the last 6 hours. The limit is the daily one of CostDayHigh.",
    dashboard=AI_COST,
    fires=Case(_cost("estate-bot", "0+0.6x100"), "8h", (Expected(labels("estate-bot"), "57.60"),), step="15m"),
    quiet=(
        Case(_cost("estate-bot", "0+0.51x100"), "8h", why="$48.96 a day", step="15m"),
        Case(_cost("estate-bot", "0+0.75x100"), "21h", why="$60 spent: CostDayHigh says so", step="15m"),
    ),
)

LLM_BUDGET_MONTH_FORECAST: Final = Alert(
    name="LlmBudgetMonthForecast",
    group="otelgate-cost-alerts",
    expr="sum by (deployment_environment_name) (service:llm_cost_usd:forecast30d) > " + limit("LlmBudgetMonthForecast"),
    for_="6h",
    severity="info",
    team="ai",
    notify="email",
    summary='At this pace all services together will spend ${{ $value | printf "%.2f" }} on models in 30 days',
    description="Thirty times the mean day of the last 7 days.",
    dashboard=AI_COST,
    fires=Case(
        {series("service:llm_cost_usd:forecast30d", "estate-bot"): "5200x20"},
        "8h",
        (Expected({"deployment_environment_name": "production"}, "5200.00"),),
        step="1h",
    ),
    quiet=(
        Case({series("service:llm_cost_usd:forecast30d", "estate-bot"): "4900x20"}, "8h", why="$4900", step="1h"),
        Case(
            {series("service:llm_cost_usd:forecast30d", "estate-bot"): "5200x4 100x9"}, "8h", why="4 hours", step="1h"
        ),
    ),
)


def _tokens(priced: float, unpriced: float) -> dict[str, str]:
    rows = {}
    for model, status, tokens in (("gpt-4o", "priced", priced), ("house-7b", "unpriced", unpriced)):
        rows[series(f"{TOKENS}_sum", "osool", gen_ai_request_model=model, gen_ai_token_type="input")] = (
            f"0+{tokens:g}x60"
        )
        rows[series(f"{CALLS}_count", "osool", gen_ai_request_model=model, otelgate_cost_status=status)] = "0+2x60"
    return rows


UNPRICED_TOKENS_HIGH: Final = Alert(
    name="UnpricedTokensHigh",
    group="otelgate-cost-alerts",
    expr=beyond(
        "service:unpriced_tokens:ratio_increase1h and service:priced_or_not_calls:increase1h >= 20",
        "UnpricedTokensHigh",
    ),
    for_="15m",
    severity="warning",
    team="ai",
    summary="{{ $value | humanizePercentage }} of the tokens of {{ $labels.service_name }} have no price",
    description="The price table does not know their models: costs are higher than shown.",
    dashboard=AI_COST,
    fires=Case(_tokens(900, 100), "40m", (Expected(labels("osool"), "10%"),), step="2m"),
    quiet=(
        Case(_tokens(960, 40), "30m", why="4 %", step="2m"),
        Case({**_tokens(900, 0)}, "30m", why="the unpriced model is not used", step="2m"),
    ),
)
