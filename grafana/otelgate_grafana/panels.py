"""The kinds of panels, all with the same look. Each wants a title, a unit and a description that says how to read it.

    timeseries(
        "Turn latency",
        [prom(quantile(0.95, …), "P95")],
        unit="s",
        description="95 % of turns are faster. Above 15 s users leave.",
        covers=("A8",),
        thresholds=rising(15, 20),
        links=[links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance")],
        alerts=("TurnLatencyHigh",),
    )

Units are Grafana's: s, ms, percentunit (0 to 1), currencyUSD, short, reqps, cpm, bytes, none, `suffix: EGP`, …
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge as _bargauge
from grafana_foundation_sdk.builders import common as _common
from grafana_foundation_sdk.builders import gauge as _gauge
from grafana_foundation_sdk.builders import heatmap as _heatmap
from grafana_foundation_sdk.builders import logs as _logs
from grafana_foundation_sdk.builders import piechart as _piechart
from grafana_foundation_sdk.builders import stat as _stat
from grafana_foundation_sdk.builders import table as _table
from grafana_foundation_sdk.builders import text as _text
from grafana_foundation_sdk.builders import timeseries as _timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as _heatmap_model
from grafana_foundation_sdk.models import piechart as _pie_model
from grafana_foundation_sdk.models import text as _text_model

from . import datasources, uids
from .layout import POINTS, Panel
from .links import Link, runbook
from .queries import Query

GREEN: Final = "green"
AMBER: Final = "orange"
RED: Final = "red"

Thresholds = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first value is None: from the start."""


def rising(amber: float | None, red: float | None = None) -> Thresholds:
    """Green, and worse the higher it gets."""
    return [(None, GREEN), *((value, colour) for value, colour in ((amber, AMBER), (red, RED)) if value is not None)]


def falling(red: float | None, amber: float) -> Thresholds:
    """Red below the first, amber below the second, green from there on: worse the lower it gets."""
    if red is None:
        return [(None, AMBER), (amber, GREEN)]
    return [(None, RED), (red, AMBER), (amber, GREEN)]


@dataclass(frozen=True)
class Column:
    """How a column of a table is shown; `title` replaces its name."""

    unit: str = ""
    title: str = ""
    links: tuple[Link, ...] = ()
    thresholds: Thresholds = ()
    width: int = 0
    hidden: bool = False
    values: tuple[tuple[str, str, str], ...] = ()
    """Value, what to write for it, in which colour."""


def timeseries(
    title: str, queries: Sequence[Query], *, unit: str, description: str, stack: bool = False, bars: bool = False,
    low: float | None = 0, high: float | None = None, decimals: int | None = None, width: int = 12, height: int = 8,
    **more: Any,
) -> Panel:  # fmt: skip
    """Lines over time. `thresholds` are drawn as lines; `stack`: areas that add up."""
    legend = _common.VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE).show_legend(True)
    legend = legend.placement(common.LegendPlacement.BOTTOM).calcs(["mean", "max", "lastNotNull"])
    tooltip = _common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
    builder = _timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1)
    builder = builder.fill_opacity(70 if bars else 30 if stack else 8).show_points(common.VisibilityMode.AUTO)
    builder = builder.draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE).span_nulls(False)
    if stack:
        builder = builder.stacking(_common.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if more.get("thresholds"):
        builder = builder.thresholds_style(
            _common.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    return _panel(title, builder, queries, unit, description, width, height, low=low, high=high, decimals=decimals,
                  plain_colours=True, **more)  # fmt: skip


def stat(
    title: str, queries: Sequence[Query], *, unit: str, description: str, decimals: int | None = None,
    spark: bool = False, names: bool = False, width: int = 4, height: int = 4, **more: Any,
) -> Panel:  # fmt: skip
    """One big number; `spark`: with its course behind it (the query must be a range then); `names`: several, named."""
    builder = _stat.Panel().reduce_options(_last()).color_mode(common.BigValueColorMode.VALUE)
    builder = builder.graph_mode(common.BigValueGraphMode.AREA if spark else common.BigValueGraphMode.NONE)
    builder = builder.text_mode(common.BigValueTextMode.VALUE_AND_NAME if names else common.BigValueTextMode.VALUE)
    return _panel(title, builder, queries, unit, description, width, height, decimals=decimals, **more)


def gauge(
    title: str, queries: Sequence[Query], *, unit: str, description: str, low: float = 0, high: float,
    width: int = 4, height: int = 6, **more: Any,
) -> Panel:  # fmt: skip
    """A number on a scale from `low` to `high`."""
    builder = _gauge.Panel().reduce_options(_last()).show_threshold_markers(True)
    return _panel(title, builder, queries, unit, description, width, height, low=low, high=high, **more)


def bargauge(
    title: str, queries: Sequence[Query], *, unit: str, description: str, all_values: bool = False,
    width: int = 12, height: int = 8, **more: Any,
) -> Panel:  # fmt: skip
    """A bar for each series, or (`all_values`) for each row of a table from SQL: a name and a number."""
    builder = _bargauge.Panel().reduce_options(_rows() if all_values else _last())
    builder = builder.orientation(common.VizOrientation.HORIZONTAL).display_mode(common.BarGaugeDisplayMode.GRADIENT)
    return _panel(title, builder, queries, unit, description, width, height, low=0, **more)


def piechart(
    title: str, queries: Sequence[Query], *, unit: str, description: str, all_values: bool = False,
    width: int = 8, height: int = 8, **more: Any,
) -> Panel:  # fmt: skip
    """A donut with shares; `all_values`: a slice for each row of a table from SQL."""
    legend = _piechart.PieChartLegendOptions().display_mode(common.LegendDisplayMode.TABLE).show_legend(True)
    legend = legend.placement(common.LegendPlacement.RIGHT)
    legend = legend.values([_pie_model.PieChartLegendValues.VALUE, _pie_model.PieChartLegendValues.PERCENT])
    builder = _piechart.Panel().pie_type(_pie_model.PieChartType.DONUT).legend(legend)
    builder = builder.reduce_options(_rows() if all_values else _last())
    return _panel(title, builder, queries, unit, description, width, height, plain_colours=True, **more)


def heatmap(
    title: str, queries: Sequence[Query], *, unit: str, description: str, width: int = 12, height: int = 8, **more: Any
) -> Panel:
    """How often each height occurred over time: `prom(…, "{{le}}", heatmap=True)` of buckets summed by `le`."""
    axis = _heatmap.YAxisConfig().unit(unit)
    colours = _heatmap.HeatmapColorOptions().mode(_heatmap_model.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    builder = _heatmap.Panel().calculate(False).y_axis(axis).color(colours).show_legend()
    return _panel(title, builder, queries, unit, description, width, height, **more)


def table(
    title: str, queries: Sequence[Query], *, description: str, columns: dict[str, Column] | None = None,
    unit: str = "none", width: int = 12, height: int = 8, **more: Any,
) -> Panel:  # fmt: skip
    """Rows; `columns`: column name -> how it is shown. Every column can be filtered by its head."""
    builder = _table.Panel().filterable(True).cell_height(common.TableCellHeight.SM).show_header(True)
    panel = _panel(title, builder, queries, unit, description, width, height, **more)
    assert panel.model.field_config is not None
    panel.model.field_config.overrides = [_override(name, column) for name, column in (columns or {}).items()]
    if queries and all(query.datasource == uids.PROMETHEUS for query in queries):
        # A query's rows carry the time of the query, which says nothing.
        panel.model.transformations = [
            dashboard.DataTransformerConfig(id_val="merge", options={}),
            dashboard.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}}),
        ]
    return panel


def logs(
    title: str, queries: Sequence[Query], *, description: str, width: int = 24, height: int = 10, **more: Any
) -> Panel:
    """Log lines, the newest first; a click on one shows its fields and the links to its trace."""
    builder = _logs.Panel().show_time(True).wrap_log_message(True).enable_log_details(True)
    builder = builder.sort_order(common.LogsSortOrder.DESCENDING).dedup_strategy(common.LogsDedupStrategy.NONE)
    return _panel(title, builder, queries, "", description, width, height, **more)


def traces(
    title: str, queries: Sequence[Query], *, description: str, width: int = 24, height: int = 8, **more: Any
) -> Panel:
    """Traces that TraceQL finds; a click opens one."""
    return _panel(title, _table.Panel(), queries, "none", description, width, height, **more)


def node_graph(
    title: str, queries: Sequence[Query], *, description: str, width: int = 24, height: int = 10, **more: Any
) -> Panel:
    """A graph of the calls between services: `service_graph()`."""
    return _panel(title, _NodeGraph(), queries, "", description, width, height, **more)


def text(title: str, markdown: str, *, description: str, width: int = 24, height: int = 4) -> Panel:
    """Words. For what a reader must know before reading the panels around it."""
    builder = _text.Panel().mode(_text_model.TextMode.MARKDOWN).content(markdown)
    return _panel(title, builder, (), "", description, width, height)


class _NodeGraph(Builder[dashboard.Panel]):
    """The SDK's own needs options that nothing here sets."""

    def build(self) -> dashboard.Panel:
        return dashboard.Panel(type_val="nodeGraph", options={})


def _panel(
    title: str, builder: Builder[dashboard.Panel], queries: Sequence[Query], unit: str, description: str,
    width: int, height: int, *, covers: tuple[str, ...] = (), alerts: tuple[str, ...] = (), normally_empty: str = "",
    thresholds: Thresholds = (), links: Sequence[Link] = (), data_links: Sequence[Link] = (), low: float | None = None,
    high: float | None = None, decimals: int | None = None, plain_colours: bool = False,
    mappings: Sequence[tuple[str, str, str]] = (),
) -> Panel:  # fmt: skip
    """A panel with the fields that all kinds share. `links`: in its header; `data_links`: on a clicked value."""
    model = builder.build()
    queries = tuple(
        Query(query.datasource, query.fields, chr(ord("A") + number)) for number, query in enumerate(queries)
    )
    model.title, model.targets = title, list(queries)
    model.max_data_points = POINTS if queries else None
    model.description = _description(description, normally_empty, alerts)
    sources = {query.datasource for query in queries}
    model.datasource = datasources.ref(sources.pop() if len(sources) == 1 else uids.MIXED)
    model.links = [link.build() for link in links] or None
    config = model.field_config = model.field_config or dashboard.FieldConfigSource()
    defaults = config.defaults = config.defaults or dashboard.FieldConfig()
    defaults.unit = unit or None
    defaults.min_val, defaults.max_val, defaults.decimals = low, high, decimals
    defaults.links = [link.build() for link in data_links] or None
    defaults.no_value = "none" if normally_empty else None
    defaults.mappings = [_mapping(mappings)] if mappings else None
    if thresholds:
        defaults.thresholds = _thresholds(thresholds)
    if thresholds and not plain_colours:
        defaults.color = dashboard.FieldColor(mode=dashboard.FieldColorModeId.THRESHOLDS)
    return Panel(title, model, queries, width, height, covers, alerts, normally_empty)


def _description(text: str, normally_empty: str, alerts: tuple[str, ...]) -> str:
    parts = [text]
    if normally_empty:
        parts.append(f"Empty when all is well: {normally_empty}.")
    parts += [f"Alert {name}: {runbook(name)}" for name in alerts]
    return "\n\n".join(parts)


def _last() -> _common.ReduceDataOptions:
    return _common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _rows() -> _common.ReduceDataOptions:
    return _common.ReduceDataOptions().calcs([]).values(True)


def _thresholds(steps: Thresholds) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE,
        steps=[dashboard.Threshold(value=value, color=colour) for value, colour in steps],
    )


def _mapping(values: Sequence[tuple[str, str, str]]) -> dashboard.ValueMap:
    results = {
        value: dashboard.ValueMappingResult(text=written, color=colour, index=number)
        for number, (value, written, colour) in enumerate(values)
    }
    return dashboard.ValueMap(options=results)


def _override(name: str, column: Column) -> dashboard.DashboardFieldConfigSourceOverrides:
    """A table's settings for one column."""
    coloured = bool(column.thresholds or column.values)
    options: dict[str, Any] = {
        "unit": column.unit,
        "displayName": column.title,
        "links": [link.build() for link in column.links],
        "thresholds": _thresholds(column.thresholds) if column.thresholds else None,
        "mappings": [_mapping(column.values)] if column.values else None,
        "custom.width": column.width,
        "custom.hidden": column.hidden,
        "custom.cellOptions": {"type": "color-text"} if coloured else None,
    }
    properties = [dashboard.DynamicConfigValue(id_val=key, value=value) for key, value in options.items() if value]
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(id_val="byName", options=name), properties=properties
    )
