"""The choices of a dashboard: what they are when it opens, which there are, and those that a link names."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from . import database
from .dashboards import ALL, Dashboard, Variable
from .interpolation import Everything, Value, interpolate
from .prometheus import label_values
from .stores import POSTGRES, TIMEOUT_S, Stores
from .window import Window

_LONGEST: Final = 1000
_MOST: Final = 200


def defaults(dashboard: Dashboard) -> dict[str, Value]:
    """The variables' values when a dashboard is opened."""
    return {variable.name: _value(variable, variable.current) for variable in dashboard.variables}


def everything(dashboard: Dashboard) -> dict[str, Value]:
    """The variables' values when "All" is chosen wherever it can be."""
    return {
        variable.name: _value(variable, variable.current if variable.everything is None else ALL)
        for variable in dashboard.variables
    }


def chosen(dashboard: Dashboard, given: Mapping[str, Sequence[str]]) -> dict[str, Value]:
    """The values with those that a link gives. Raises ValueError for an unknown name or what cannot be chosen."""
    known = {variable.name: variable for variable in dashboard.variables}
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        names = ", ".join(known) or "none, it has no variables"
        raise ValueError(f"var-{unknown[0]}: expected one of {names}")
    return defaults(dashboard) | {name: _value(known[name], tuple(values)) for name, values in given.items()}


def offered(variable: Variable, values: Mapping[str, Value], stores: Stores, window: Window) -> list[str]:
    """The values to choose from, without "All". Raises StoreError, psycopg.Error, ValueError."""
    if variable.kind != "query":
        return list(variable.fixed)
    text = interpolate(variable.query, values, window)
    if variable.source == POSTGRES:
        if stores.database is None:
            return []
        (column,) = database.rows(stores.database, text, TIMEOUT_S)
        found = [str(value) for value in column.values if value is not None]
    else:
        found = label_values(stores.prometheus, text, window) if stores.prometheus else []
    wanted = re.compile(variable.offered)
    kept = [value for value in found if value and wanted.search(value)]
    return sorted(kept, key=str.lower) if variable.sorted else kept


def _value(variable: Variable, given: str | tuple[str, ...]) -> Value:
    """Raises ValueError for a value that this variable cannot have."""
    values = (given,) if isinstance(given, str) else given
    if len(values) > _MOST or any(len(value) > _LONGEST for value in values):
        raise ValueError(f"var-{variable.name}: expected at most {_MOST} values of at most {_LONGEST} characters")
    if ALL in values:
        if variable.everything is None:
            raise ValueError(f"var-{variable.name}={ALL}: expected a value, it has no choice of all")
        return Everything(variable.everything)
    if len(values) > 1 and not variable.several:
        raise ValueError(f"var-{variable.name}: {len(values)} values: expected one")
    if variable.kind == "custom" and (strange := sorted(set(values) - set(variable.fixed))):
        raise ValueError(f"var-{variable.name}={strange[0]!r}: expected one of {', '.join(variable.fixed)}")
    return values[0] if len(values) == 1 else values if values else ""
