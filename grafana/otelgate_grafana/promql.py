"""PromQL that several dashboards and rules share, so that its rules are kept in one place.

A ratio is a sum over a sum; a percentile is taken over buckets summed by `le`; a number that must be 0 when there was
nothing ends in `or vector(0)`.
"""

import re
from typing import Final

TURNS: Final = "gen_ai_invoke_agent_duration_seconds"
"""Runs of agents (a router is an agent): histogram."""
CALLS: Final = "gen_ai_client_operation_duration_seconds"
"""Calls to models and retrievers: histogram."""
FIRST_CHUNK: Final = "gen_ai_client_operation_time_to_first_chunk_seconds"
TOKENS: Final = "gen_ai_client_token_usage"
"""Tokens of model calls: a histogram; queries use its sum."""
TOOLS: Final = "gen_ai_execute_tool_duration_seconds"
COST: Final = "otelgate_llm_cost_total"
EVENTS: Final = "otelgate_event_count_total"
FEEDBACK: Final = "otelgate_feedback_count_total"
HTTP: Final = "http_server_request_duration_seconds"
"""Requests of web servers, by OpenTelemetry's HTTP instrumentation: histogram."""
DATABASE: Final = "db_client_operation_duration_seconds"

LABELS: Final = {
    "service": "service_name",
    "environment": "deployment_environment_name",
    "agent": "gen_ai_agent_name",
    "model": "gen_ai_request_model",
    "tier": "otelgate_tier",
}
"""Dashboard variable -> label."""


def select(metric: str, *variables: str, where: str = "", environment: bool = True) -> str:
    """`metric{…}`: the series that the dashboard's variables choose, and `where` (label matchers) besides.

    Every query filters by service and environment; name the other variables that the metric has labels for.
    `environment=False`: for the audit sink's gauges, which are by service only.
    """
    always = ("service", "environment") if environment else ("service",)
    matchers = [f'{LABELS[name]}=~"${name}"' for name in (*always, *variables)]
    if where:
        matchers.append(where)
    return f"{metric}{{{', '.join(matchers)}}}"


def rate(series: str, *, by: str = "", window: str = "$__rate_interval") -> str:
    """Per second, summed."""
    return f"sum{_by(by)} (rate({series}[{window}]))"


def increase(series: str, window: str, *, by: str = "") -> str:
    """How much in the window, summed."""
    return f"sum{_by(by)} (increase({series}[{window}]))"


def ratio(part: str, whole: str, *, by: str = "", window: str = "$__rate_interval") -> str:
    """The share of `part` in `whole`, from 0 to 1.

    Where `whole` went on and `part` has no series, it is 0; where nothing happened at all, there is no value.
    """
    zero = f"0 * {rate(whole, by=by, window=window)}"
    # Spaces inside the parentheses matter to no one but the reader.
    return f"({rate(part, by=by, window=window)} or {zero}) / ({rate(whole, by=by, window=window)} > 0)"


def quantile(share: float, metric_selector: str, *, by: str = "", window: str = "$__rate_interval") -> str:
    """A percentile of a histogram; `metric_selector` is `select("…_bucket", …)`."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({metric_selector}[{window}])))"


def mean(total: str, count: str, *, by: str = "", window: str = "$__rate_interval") -> str:
    """The mean over a window: a histogram's sum by its count, or cost by turns."""
    return f"{rate(total, by=by, window=window)} / ({rate(count, by=by, window=window)} > 0)"


def or_zero(expr: str) -> str:
    """0 if there is no series: for a number that is displayed or compared even when nothing happened."""
    return f"{expr} or vector(0)"


def metrics(expr: str) -> set[str]:
    """The names of series that an expression reads: no label, no function, nothing between quotes or braces."""
    bare = re.sub(r'"[^"]*"|\{[^{}]*\}|\[[^\]]*\]', "", expr)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"\b([a-z][\w:]*[_:][\w:]*\w)\b(?!\s*\()", bare))


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
