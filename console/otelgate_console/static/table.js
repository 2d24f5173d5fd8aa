// Tables that can be sorted, and the answer of any panel as one.

import { named } from "./colours.js";
import { el, link } from "./dom.js";
import { configOf, display, figures, framesOf, titleOf } from "./fields.js";
import { resolve, turn } from "./links.js";

const FIGURES = new Set(["stat", "gauge", "bargauge", "piechart"]);

/** The elements of a panel. */
export function render(panel, answer, context) {
  return { element: tables(panel, answer).map((table, place) => grid(table, place, panel, context)) };
}

/** The content of a panel as tables: columns with a title, a kind, settings and values. */
export function tables(panel, answer) {
  if (FIGURES.has(panel.type)) return [ofFigures(panel, figures(panel, framesOf(answer, "series", "table")))];
  const series = framesOf(answer, "series", "bucket");
  const others = framesOf(answer, "table", "lines", "traces", "exemplars");
  return [...(series.length ? [joined(panel, series)] : []), ...others.map((frame) => ofFrame(panel, frame))];
}

function ofFrame(panel, frame) {
  return frame.columns.map((column) => {
    const config = configOf(panel, column, frame);
    const links = column.name === "trace_id" && !config.links ? [{ title: "Turn", trace: true }] : config.links;
    return { ...column, title: titleOf(column, config), config: { ...config, links } };
  });
}

function ofFigures(panel, shown) {
  const named = { name: "name", title: "Name", kind: "text", config: {}, values: shown.map(({ name }) => name) };
  const config = shown[0]?.config ?? {};
  return [named, { name: "value", title: "Value", kind: "number", config, values: shown.map(({ value }) => value) }];
}

/** One row for each moment, one column for each series. */
function joined(panel, frames) {
  const times = [...new Set(frames.flatMap((frame) => frame.columns[0].values))].sort((a, b) => b - a);
  const columns = frames.map((frame) => {
    const [moments, column] = frame.columns;
    const known = new Map(moments.values.map((time, row) => [time, column.values[row]]));
    const config = configOf(panel, column, frame);
    const title = config.displayName ?? (frame.name || column.name);
    return { name: title, title, kind: "number", config, values: times.map((time) => known.get(time) ?? null) };
  });
  return [{ name: "time", title: "Time", kind: "time", config: {}, values: times }, ...columns];
}

function grid(columns, number, panel, context) {
  const sorted = context.view.sorted[number];
  const rows = order(columns, sorted);
  const sortBy = (place) => {
    context.view.sorted[number] = next(sorted, place);
    context.redraw();
  };
  const head = columns.map((column, place) =>
    header(column, sorted?.place === place ? sorted.direction : 0, () => sortBy(place)),
  );
  const body = rows.map((row) =>
    el(
      "tr",
      {},
      columns.map((column) => cell(column, row, columns, context)),
    ),
  );
  const table = el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body));
  return el("div", { class: "grid", role: "region", tabindex: 0, "aria-label": `Table of ${panel.title}` }, table);
}

/** The numbers of the rows in the order of a column; nothing comes last. */
export function order(columns, sorted) {
  const rows = (columns[0]?.values ?? []).map((_, row) => row);
  if (!sorted) return rows;
  const { values } = columns[sorted.place];
  const compare = (one, other) =>
    typeof one === "string" || typeof other === "string"
      ? String(one).localeCompare(String(other), undefined, { numeric: true })
      : one - other;
  return rows.sort((one, other) => {
    const [first, second] = [values[one] ?? null, values[other] ?? null];
    if (first === null || second === null) return (first === null) - (second === null);
    return sorted.direction * compare(first, second);
  });
}

/** The next order when the header of a column is clicked: rising, falling, as it came. */
export function next(sorted, place) {
  if (sorted?.place !== place) return { place, direction: 1 };
  return sorted.direction === 1 ? { place, direction: -1 } : undefined;
}

function header(column, direction, clicked) {
  const sort = { 1: "ascending", "-1": "descending" }[direction] ?? "none";
  const width = column.config.custom?.width;
  const style = width ? { "min-width": `${width}px` } : {};
  const mark = el("span", { class: "mark", "aria-hidden": "true" }, { 1: "▲", "-1": "▼" }[direction] ?? "");
  const button = el("button", { type: "button", onclick: clicked }, column.title, mark);
  return el(
    "th",
    { scope: "col", "aria-sort": sort, class: column.kind === "number" ? "number" : null, style },
    button,
  );
}

function cell(column, row, columns, context) {
  const value = column.values[row] ?? null;
  const { text, color } = display(value, column.kind, column.config);
  const colored = color && column.config.custom?.cellOptions?.type === "color-text" ? { color: named(color) } : {};
  const content = value === null || value === "" ? text : linked(column, row, columns, text, context);
  return el("td", { class: column.kind === "number" ? "number" : null, style: colored }, content);
}

/** The text of a cell, a link if it has one; further links stand after it. */
function linked(column, row, columns, text, context) {
  const value = column.values[row];
  const fields = Object.fromEntries(columns.map((other) => [other.name, other.values[row]]));
  const found = (column.config.links ?? []).map((one) => ({
    title: one.title,
    address: one.trace ? turn(value) : resolve(one.url, context.links(), { raw: value, text, fields }),
  }));
  const [first, ...others] = found.filter((one) => one.address);
  if (!first) return text;
  const more = others.map((one) => link(one.address, one.title, { class: "more" }));
  return [link(first.address, text, { title: first.title }), ...more];
}
