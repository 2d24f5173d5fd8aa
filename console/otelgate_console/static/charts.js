// Charts by ECharts: how one is made, zoomed by dragging, and shares its crosshair with the others.

import { resolved } from "./colours.js";
import { el } from "./dom.js";

const DRAGGED_PX = 6;
const shown = new Set();
let loading;

/** A chart with time on its x axis. `toTime`, `toPixel`: how a place in it is a moment. Returns what removes it. */
export async function timeChart(element, option, { zoom, clicked = () => {}, toTime, toPixel }) {
  loading ??= import("/charts/echarts.esm.min.mjs");
  const echarts = await loading;
  if (!element.isConnected) return () => {};
  const canvas = el("div", { class: "canvas", role: "presentation" });
  element.append(canvas);
  const chart = echarts.init(canvas, null, { renderer: "canvas" });
  chart.setOption({ ...base(), ...option });
  chart.on("click", clicked);
  const one = { chart, line: el("div", { class: "crosshair", hidden: true }), toTime, toPixel };
  element.append(one.line);
  shareCrosshair(one);
  if (zoom) zoomByDragging(element, one, zoom);
  const resizing = new ResizeObserver(() => chart.resize());
  resizing.observe(canvas);
  shown.add(one);
  return () => {
    shown.delete(one);
    resizing.disconnect();
    chart.dispose();
  };
}

/** The settings that all charts have in common. */
function base() {
  return {
    animation: false,
    backgroundColor: "transparent",
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: resolved("var(--text-weak)") },
    grid: { left: 8, right: 14, top: 10, bottom: 4, containLabel: true },
  };
}

/** Settings of an axis in the colours of the page. */
export function axis(settings) {
  const line = { lineStyle: { color: resolved("var(--line)") } };
  const label = { color: resolved("var(--text-weak)"), hideOverlap: true, ...settings.axisLabel };
  return { axisLine: line, axisTick: { show: false }, splitLine: line, ...settings, axisLabel: label };
}

/** Settings of a tooltip whose content is made of elements. */
export function tooltip(content, settings) {
  return {
    confine: true,
    transitionDuration: 0,
    className: "tooltip",
    backgroundColor: resolved("var(--raised)"),
    borderColor: resolved("var(--line)"),
    textStyle: { color: resolved("var(--text)"), fontSize: 12 },
    formatter: content,
    ...settings,
  };
}

const insideGrid = (chart, x, y) => chart.containPixel("grid", [x, y]);

function shareCrosshair(one) {
  const surface = one.chart.getZr();
  surface.on("mousemove", ({ offsetX, offsetY }) => {
    const time = insideGrid(one.chart, offsetX, offsetY) ? one.toTime(one.chart, offsetX) : null;
    for (const other of shown) if (other !== one) moveLine(other, time);
  });
  surface.on("globalout", () => shown.forEach((other) => moveLine(other, null)));
}

function moveLine({ chart, line, toPixel }, time) {
  const x = time === null ? NaN : toPixel(chart, time);
  line.hidden = !Number.isFinite(x) || !insideGrid(chart, x, chart.getHeight() / 2);
  if (!line.hidden) line.style.setProperty("transform", `translateX(${x}px)`);
}

function zoomByDragging(element, { chart, toTime }, zoom) {
  const area = el("div", { class: "selection", hidden: true });
  element.append(area);
  const surface = chart.getZr();
  let start = null;
  surface.on("mousedown", ({ offsetX, offsetY }) => {
    start = insideGrid(chart, offsetX, offsetY) ? offsetX : null;
  });
  surface.on("mousemove", ({ offsetX }) => {
    area.hidden = start === null || Math.abs(offsetX - start) < DRAGGED_PX;
    area.style.setProperty("left", `${Math.min(start, offsetX)}px`);
    area.style.setProperty("width", `${Math.abs(offsetX - start)}px`);
  });
  const finish = ({ offsetX }) => {
    if (!area.hidden && start !== null) {
      const ends = [start, offsetX].map((x) => Math.round(toTime(chart, x))).sort((a, b) => a - b);
      if (ends[1] > ends[0]) zoom(...ends);
    }
    area.hidden = true;
    start = null;
  };
  surface.on("mouseup", finish);
  surface.on("globalout", () => {
    area.hidden = true;
    start = null;
  });
}
