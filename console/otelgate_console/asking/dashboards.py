"""Reads the rendered dashboards: what is asked of them here, and the JSON that the browser draws."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Query:
    """One query: `source` is the type of a data source, `text` is in its language, `options` are its other fields."""

    source: str
    text: str
    options: Mapping[str, Any]
    ref_id: str = "A"


@dataclass(frozen=True)
class Panel:
    """One panel. `normally_empty`: why it may show nothing though all is well."""

    id: int
    title: str
    kind: str
    queries: tuple[Query, ...]
    normally_empty: str
    json: Mapping[str, Any]


@dataclass(frozen=True)
class Variable:
    """A choice of the person who looks. `query`: that of its values, with the type of the data source in `source`.

    `everything`: the text that stands in a query for "All"; None if that cannot be chosen. `fixed`: a list of values.
    """

    name: str
    label: str
    kind: str
    query: str
    source: str
    current: str | tuple[str, ...]
    several: bool
    everything: str | None
    offered: str
    sorted: bool
    fixed: tuple[str, ...]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard; `annotations` are pairs of a name and its query."""

    uid: str
    title: str
    folder: str
    variables: tuple[Variable, ...]
    annotations: tuple[tuple[str, Query], ...]
    panels: tuple[Panel, ...]
    json: Mapping[str, Any]

    @property
    def name(self) -> str:
        """That of its file."""
        return self.uid.removeprefix("otelgate-")


def load(folder: Path) -> dict[str, Dashboard]:
    """All dashboards below a folder, by name. Raises ValueError for a file that is none."""
    found = [read(file) for file in sorted(folder.glob("**/*.json"))]
    return {dashboard.name: dashboard for dashboard in found}


def read(file: Path) -> Dashboard:
    """The dashboard in a file. Raises ValueError naming the file."""
    try:
        return parse(json.loads(file.read_text()), file.parent.name)
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{file}: expected a dashboard of Grafana: {type(error).__name__}: {error}") from error


def parse(tree: Mapping[str, Any], folder: str = "") -> Dashboard:
    """A dashboard from Grafana's JSON."""
    return Dashboard(
        uid=tree["uid"],
        title=tree["title"],
        folder=folder,
        variables=tuple(_variable(each) for each in tree["templating"]["list"]),
        annotations=tuple(
            (each["name"], query({**each["target"], "datasource": each["datasource"]}))
            for each in tree["annotations"]["list"]
            if each["enable"]
        ),
        panels=tuple(_panel(each) for each in _panels(tree["panels"])),
        json=tree,
    )


def _panels(trees: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for tree in trees:
        if tree["type"] == "row":
            yield from _panels(tree.get("panels") or ())
        else:
            yield tree


def _panel(tree: Mapping[str, Any]) -> Panel:
    queries = tuple(query(target) for target in tree.get("targets") or ())
    return Panel(tree["id"], tree["title"], tree["type"], queries, tree.get("normallyEmpty", ""), tree)


def query(target: Mapping[str, Any]) -> Query:
    """A query from what Grafana keeps of it, a target of a panel."""
    text = target.get("expr") or target.get("rawSql") or target.get("query", "")
    return Query(target["datasource"]["type"], text, target, target.get("refId", "A"))


def _variable(tree: Mapping[str, Any]) -> Variable:
    asked = tree.get("query") or ""
    value = (tree.get("current") or {}).get("value", "")
    return Variable(
        name=tree["name"],
        label=tree.get("label") or tree["name"],
        kind=tree["type"],
        query=asked["query"] if isinstance(asked, Mapping) else asked,
        source=(tree.get("datasource") or {}).get("type", ""),
        current=tuple(value) if isinstance(value, list) else value,
        several=bool(tree.get("multi")),
        everything=tree.get("allValue", "") if tree.get("includeAll") else None,
        offered=(tree.get("regex") or "").strip("/"),
        sorted=bool(tree.get("sort")),
        fixed=tuple(option["value"] for option in tree.get("options") or () if option["value"] != ALL),
    )


ALL = "$__all"
"""The value of the choice "All" in dashboards and in links."""
