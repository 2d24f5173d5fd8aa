// Lines and bars over time, with thresholds, annotations, exemplars and a legend.

import { axis, timeChart, tooltip } from "./charts.js";
import { named, ofSeries, resolved } from "./colours.js";
import { el } from "./dom.js";
import { configOf, display, framesOf, mapped, reduce } from "./fields.js";
import { legend } from "./legend.js";
import { turn } from "./links.js";
import { dateTime, tick } from "./units.js";

const MOST_IN_TOOLTIP = 12;
const FEW_POINTS = 40;
const GAP = 1.5;

/** The series of an answer: name, colour, settings and points. */
export function seriesOf(panel, answer) {
  const frames = framesOf(answer, "series").flatMap((frame) => {
    const times = frame.columns.find((column) => column.kind === "time").values;
    return frame.columns.filter((column) => column.kind === "number").map((column) => ({ frame, times, column }));
  });
  return frames.map(({ frame, times, column }, place) => {
    const config = configOf(panel, column, frame);
    const values = column.values.map((value) => (value === null ? null : Number(value)));
    const name = config.displayName ?? (frame.name || column.name);
    return { name, color: ofSeries(place), config, times, values };
  });
}

/** The points of a line, with a gap where at least one step has none. */
export function withGaps(times, values) {
  const step = times.slice(1).reduce((least, time, place) => Math.min(least, time - times[place]), Infinity);
  return times.flatMap((time, place) => {
    const missing = place > 0 && time - times[place - 1] > GAP * step;
    return [...(missing ? [[times[place - 1] + step, null]] : []), [time, values[place]]];
  });
}

/** The points of several lines at the same moments, as stacking needs them. */
export function aligned(all) {
  const times = [...new Set(all.flatMap((one) => one.times))].sort((a, b) => a - b);
  return all.map((one) => {
    const known = new Map(one.times.map((time, place) => [time, one.values[place]]));
    return times.map((time) => [time, known.get(time) ?? null]);
  });
}

/** The elements of a panel, and `mounted`, which draws the chart when they are in the page. */
export function render(panel, answer, context) {
  const all = seriesOf(panel, answer);
  const visible = all.filter((one) => !context.view.hidden.has(one.name));
  const place = el("div", { class: "chart", role: "img", "aria-label": described(panel, all) });
  const option = () => ({
    ...axes(panel, answer, all[0]?.config ?? {}),
    tooltip: tooltip((params) => hint(params, visible, nearby(context.annotations, answer)), {
      trigger: "axis",
      order: "valueDesc",
    }),
    series: [...lines(panel, visible), marks(panel, context.annotations), exemplars(answer, visible)],
  });
  const element = [place, legend(panel, all, context)];
  const mounted = () =>
    timeChart(place, option(), {
      zoom: context.zoom,
      clicked: ({ data }) => data?.trace && context.open(turn(data.trace)),
      toTime: (chart, x) => chart.convertFromPixel({ xAxisIndex: 0 }, x),
      toPixel: (chart, time) => chart.convertToPixel({ xAxisIndex: 0 }, time),
    });
  return { element, mounted };
}

function described(panel, all) {
  const last = all.slice(0, MOST_IN_TOOLTIP).map((one) => `${one.name} ${textOf(one, one.values.findLast(isNumber))}`);
  return `${panel.title}: ${all.length} series over time. Last values: ${last.join(", ")}`;
}

const isNumber = (value) => value !== null;
const textOf = (one, value) => display(value ?? null, "number", one.config).text;

function axes(panel, answer, { unit, decimals, min, max, mappings }) {
  const written = (value) =>
    mapped(mappings, value)?.text ?? (mappings?.length && value % 1 ? "" : tick(value, unit, decimals));
  return {
    xAxis: axis({ type: "time", min: answer.from, max: answer.to, splitLine: { show: false } }),
    yAxis: axis({
      type: "value",
      min,
      max,
      splitNumber: 4,
      minInterval: decimals === 0 ? 1 : undefined,
      axisLabel: { formatter: written },
    }),
  };
}

function lines(panel, visible) {
  const stacked = visible.some((one) => one.config.custom.stacking?.mode === "normal");
  const points = stacked ? aligned(visible) : visible.map((one) => withGaps(one.times, one.values));
  return visible.map((one, place) => {
    const { drawStyle, fillOpacity = 0, stacking } = one.config.custom;
    const color = resolved(one.color);
    const shared = {
      name: one.name,
      color,
      data: alone(points[place]),
      stack: stacking?.mode === "normal" ? (stacking.group ?? "A") : undefined,
    };
    if (drawStyle === "bars") {
      return {
        ...shared,
        type: "bar",
        barMaxWidth: 24,
        itemStyle: { color, opacity: Math.max(fillOpacity, 60) / 100 },
      };
    }
    return {
      ...shared,
      type: "line",
      symbol: points[place].length <= FEW_POINTS ? "circle" : "none",
      symbolSize: 4,
      showSymbol: true,
      lineStyle: { width: 1.5 },
      areaStyle: fillOpacity ? { opacity: fillOpacity / 100 } : undefined,
      emphasis: { disabled: true },
    };
  });
}

/** Points between two gaps get a dot of their own: no line leads to them. */
function alone(points) {
  const empty = (place) => (points[place]?.[1] ?? null) === null;
  return points.map((point, place) =>
    !empty(place) && empty(place - 1) && empty(place + 1) ? { value: point, symbol: "circle" } : point,
  );
}

/** Lines of thresholds and of what happened. */
function marks(panel, annotations) {
  const { thresholds, custom } = panel.fieldConfig?.defaults ?? {};
  const drawn = (custom?.thresholdsStyle?.mode ?? "off") !== "off" ? (thresholds?.steps ?? []).slice(1) : [];
  const data = [
    ...drawn.map(({ value, color }) => ({
      yAxis: value,
      lineStyle: { color: resolved(named(color)), type: "dashed", width: 1 },
    })),
    ...annotations.map(({ time, text }) => ({
      xAxis: time,
      name: text,
      lineStyle: { color: resolved("var(--purple)"), type: [2, 3], width: 1.5 },
    })),
  ];
  return {
    type: "line",
    id: "marks",
    data: [],
    markLine: { symbol: "none", silent: true, label: { show: false }, data },
  };
}

/** Dots of single turns. One above the lines stands at their height, so that it does not flatten them. */
function exemplars(answer, visible) {
  const most = Math.max(...visible.map((one) => reduce(one.values, "max") ?? 0));
  const data = framesOf(answer, "exemplars").flatMap(({ columns: [times, values, traces] }) =>
    times.values.map((time, row) => {
      const size = Number(values.values[row]);
      return { value: [time, Math.min(size, most)], size, trace: traces.values[row] };
    }),
  );
  return {
    type: "scatter",
    id: "exemplars",
    symbol: "diamond",
    symbolSize: 8,
    z: 5,
    itemStyle: { color: resolved("var(--accent)"), opacity: 0.7 },
    data,
  };
}

/** The events about a moment: so near that their line is under the pointer. */
function nearby(annotations, { from, to }) {
  return (time) => annotations.filter((one) => Math.abs(one.time - time) <= (to - from) / 100);
}

/** The content of the tooltip: the moment, each series' value, an example turn, and what happened then. */
function hint(params, visible, happened) {
  const time = params[0]?.axisValue;
  const example = params.find((one) => one.seriesId === "exemplars");
  const found = params
    .filter((one) => one.seriesIndex < visible.length && isNumber(one.value[1]))
    .sort((a, b) => b.value[1] - a.value[1]);
  return el(
    "div",
    {},
    el("div", { class: "when" }, dateTime(time)),
    found.slice(0, MOST_IN_TOOLTIP).map((one) => {
      const series = visible[one.seriesIndex];
      return row(series.color, series.name, textOf(series, one.value[1]));
    }),
    found.length > MOST_IN_TOOLTIP && el("div", {}, `and ${found.length - MOST_IN_TOOLTIP} more`),
    example && row("var(--accent)", "Example: click to open", textOf(visible[0], example.data.size)),
    happened(time).map((one) => row("var(--purple)", one.text, "")),
  );
}

function row(color, name, value) {
  const swatch = el("span", { class: "swatch", style: { background: color } });
  return el("div", { class: "row" }, swatch, el("span", { class: "name" }, name), el("b", {}, value));
}
