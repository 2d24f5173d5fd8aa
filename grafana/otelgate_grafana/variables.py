"""Dashboard variables: which services, environments, agents, models, tiers and users a dashboard shows.

One choice filters every language, and a name from an application stays a name in each; the linter refuses other ways
of writing it. PromQL: `=~"$agent"` (promql.select does). LogQL: logql.SELECTED. SQL: `chosen("agent")`, an array that
the functions of schema `analytics` understand (an empty one chooses everything), or `${name:sqlstring}` alone.
"""

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable, TextBoxVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from . import datasources, uids
from .promql import CALLS, LABELS, TURNS

Variable = Builder[VariableModel]

# Grafana puts the value of "All" into a query as it is, in every language. As a regular expression this has three
# alternatives, of which the second matches anything; in SQL it is a NULL with a comment.
_ALL: Final = "NULL/*|.*|.*/"
# Loki wants one matcher that the empty string does not satisfy; every series and stream has a service.
_ANY_SERVICE: Final = "NULL/*|.+|.*/"
# The names to offer. The canary of `make doctor` is a service, too, and a backtick would end a raw string of LogQL,
# where Grafana escapes none.
_OFFERED: Final = {"service": "/^(?!otelgate-)[^`]+$/", "environment": "/^[^`]+$/"}
_NOTHING: Final = "NULL"
_APPLICATIONS: Final = (
    '{__name__=~"gen_ai_.+_count|http_server_request_duration_seconds_count|otelgate_event_count_total"}'
)


def chosen(variable: str) -> str:
    """The choice as SQL of type text[], which is empty for all."""
    return f"array_remove(ARRAY[${{{variable}:sqlstring}}]::text[], NULL)"


def service(only: str = "") -> Variable:
    """Services with agents, web servers or product events; `only`: what an application's own dashboard begins with."""
    return _labels("service", "Service", _APPLICATIONS, only=only)


def environment() -> Variable:
    return _labels("environment", "Environment", f'{_APPLICATIONS[:-1]}, service_name=~"$service"}}')


def agent() -> Variable:
    return _labels("agent", "Agent", f'{TURNS}_count{{service_name=~"$service"}}')


def model() -> Variable:
    return _labels("model", "Model", f'{CALLS}_count{{service_name=~"$service"}}')


def tier() -> Variable:
    return _labels("tier", "Tier", f'{TURNS}_count{{service_name=~"$service"}}')


def common(*more: Variable) -> tuple[Variable, ...]:
    """Service and environment, and what else the dashboard filters by."""
    return (service(), environment(), *more)


def user() -> Variable:
    """Users of the audit database, the last seen first; in SQL: `chosen("user")`."""
    query = f"""SELECT user_id FROM audit.users
WHERE analytics.chosen(service, {chosen("service")})
GROUP BY user_id ORDER BY max(last_seen) DESC LIMIT 500"""
    return _sql("user", "User", query)


def from_sql(name: str, label: str, query: str) -> Variable:
    """Values from the audit database, chosen in SQL panels only: `chosen(name)`."""
    return _sql(name, label, query)


def choice(name: str, label: str, values: Sequence[str], description: str = "") -> Variable:
    """Some of a fixed list, for SQL panels: `chosen(name)`."""
    everything = VariableOption(selected=True, text="All", value="$__all")
    options = [everything, *(VariableOption(selected=False, text=value, value=value) for value in values)]
    return (
        CustomVariable(name)
        .label(label)
        .description(description or f"Show only these: {label.lower()}.")
        .values(",".join(values))
        .options(options)
        .multi(True)
        .include_all(True)
        .all_value(_NOTHING)
        .current(everything)
    )


def one_of(name: str, label: str, values: Sequence[str], description: str) -> Variable:
    """One of a fixed list, the first at the beginning; in SQL: `typed(name)`."""
    options = [VariableOption(selected=value == values[0], text=value, value=value) for value in values]
    return (
        CustomVariable(name)
        .label(label)
        .description(description)
        .values(",".join(values))
        .options(options)
        .multi(False)
        .include_all(False)
        .current(options[0])
    )


def text(name: str, label: str, description: str, default: str = "") -> Variable:
    """A box to type in; in SQL: `typed(name)`."""
    option = VariableOption(selected=True, text=default, value=default)
    return (
        TextBoxVariable(name)
        .label(label)
        .description(description)
        .default_value(default)
        .current(option)
        .options([option])
    )


def typed(variable: str) -> str:
    """The typed or chosen value, as SQL text; empty if there is none."""
    return f"${{{variable}:sqlstring}}"


def _all(name: str) -> str:
    return _ANY_SERVICE if name == "service" else _ALL


def _labels(name: str, label: str, selector: str, *, only: str = "") -> Variable:
    query: dict[str, Any] = {
        "qryType": 1,
        "query": f"label_values({selector}, {LABELS[name]})",
        "refId": "PrometheusVariableQueryEditor-VariableQuery",
    }
    return _choices(name, label, query, uids.PROMETHEUS, _all(name), only)


def _sql(name: str, label: str, query: str) -> Variable:
    return _choices(name, label, query, uids.POSTGRES, _NOTHING, "")


def _choices(
    name: str, label: str, query: str | dict[str, Any], datasource: str, all_value: str, only: str
) -> Variable:
    current = VariableOption(selected=True, text=[only or "All"], value=[only or "$__all"])
    return (
        QueryVariable(name)
        .label(label)
        .description(f"Show only these: {label.lower()}.")
        .query(query)
        .datasource(datasources.ref(datasource))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.DISABLED if datasource == uids.POSTGRES else VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(all_value)
        .allow_custom_value(True)
        .regex(_OFFERED.get(name, ""))
        .hide(VariableHide.DONT_HIDE)
        .current(current)
    )
