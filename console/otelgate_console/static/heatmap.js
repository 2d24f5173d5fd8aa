// A heatmap: how many fell into each bucket at each moment.

import { axis, timeChart, tooltip } from "./charts.js";
import { resolved } from "./colours.js";
import { el } from "./dom.js";
import { configOf, framesOf } from "./fields.js";
import { dateTime, format, tick } from "./units.js";

/** The elements of a panel, and `mounted`, which draws the chart. */
export function render(panel, answer, context) {
  const frames = framesOf(answer, "bucket");
  const times = [...new Set(frames.flatMap((frame) => frame.columns[0].values))].sort((a, b) => a - b);
  const unit = panel.options?.yAxis?.unit ?? configOf(panel, frames[0].columns[1], frames[0]).unit;
  const bounds = frames.map((frame) => bound(frame.name, unit));
  const cells = cellsOf(frames, times, panel.options?.filterValues?.le ?? 0);
  const label = `${panel.title}: a heatmap of ${frames.length} buckets from ${bounds[0]} to ${bounds.at(-1)} over time`;
  const place = el("div", { class: "chart", role: "img", "aria-label": label });
  const last = times.length - 1;
  const mounted = () =>
    timeChart(place, option(cells, times, bounds), {
      zoom: context.zoom,
      toTime: (chart, x) => times[Math.min(Math.max(chart.convertFromPixel({ xAxisIndex: 0 }, x), 0), last)],
      toPixel: (chart, time) =>
        chart.convertToPixel(
          { xAxisIndex: 0 },
          Math.max(
            times.findLastIndex((one) => one <= time),
            0,
          ),
        ),
    });
  return { element: [place], mounted };
}

const bound = (name, unit) => (Number.isFinite(Number(name)) ? tick(Number(name), unit) : "∞");

function cellsOf(frames, times, least) {
  const places = new Map(times.map((time, place) => [time, place]));
  return frames.flatMap(({ columns: [moments, counts] }, bucket) =>
    moments.values
      .map((time, row) => [places.get(time), bucket, Number(counts.values[row])])
      .filter(([, , number]) => number > least),
  );
}

function option(cells, times, bounds) {
  const most = cells.reduce((largest, [, , number]) => Math.max(largest, number), 0);
  return {
    xAxis: axis({
      type: "category",
      data: times.map((time) => dateTime(time).slice(5, 16)),
      splitLine: { show: false },
    }),
    yAxis: axis({ type: "category", data: bounds, splitLine: { show: false } }),
    visualMap: {
      show: false,
      min: 0,
      max: most,
      inRange: { color: ["--heat-low", "--heat-middle", "--heat-high"].map((name) => resolved(`var(${name})`)) },
    },
    tooltip: tooltip(({ value: [moment, bucket, number] }) =>
      el(
        "div",
        {},
        el("div", { class: "when" }, dateTime(times[moment])),
        `up to ${bounds[bucket]}: ${format(number, "short")}`,
      ),
    ),
    series: [{ type: "heatmap", data: cells, progressive: 0 }],
  };
}
