// The legend of a graph: a table with numbers of each series. A click shows one series alone, then all again.

import { el } from "./dom.js";
import { CALCULATIONS, display, reduce } from "./fields.js";

/** The legend as an element, or nothing where the panel shows none. */
export function legend(panel, all, context) {
  const { showLegend = true, calcs = [] } = panel.options?.legend ?? {};
  if (!showLegend || !all.length) return null;
  const head = [
    el("th", { scope: "col" }, "Series"),
    calcs.map((calc) => el("th", { scope: "col" }, CALCULATIONS[calc]?.[0] ?? calc)),
  ];
  const rows = all.map((one) => row(one, calcs, all, context));
  const table = el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
  return el("div", { class: "legend", role: "region", tabindex: 0, "aria-label": `Legend of ${panel.title}` }, table);
}

function row(one, calcs, all, { view, redraw }) {
  const off = view.hidden.has(one.name);
  const swatch = el("span", { class: "swatch", style: { background: one.color } });
  const toggled = (event) => {
    view.hidden = next(view.hidden, one.name, all, event.ctrlKey || event.metaKey);
    redraw();
  };
  const button = el("button", { type: "button", "aria-pressed": String(!off), onclick: toggled }, swatch, one.name);
  const cells = calcs.map((calc) => el("td", {}, display(reduce(one.values, calc), "number", one.config).text));
  return el("tr", { class: off ? "off" : null }, el("th", { scope: "row" }, button), cells);
}

/** The names that are hidden after a click: all others, or none if they were; with Ctrl only this one changes. */
export function next(hidden, name, all, single) {
  if (single) {
    const changed = new Set(hidden);
    if (!changed.delete(name)) changed.add(name);
    return changed;
  }
  const others = all.map((one) => one.name).filter((other) => other !== name);
  const alone = !hidden.has(name) && others.length > 0 && others.every((other) => hidden.has(other));
  return new Set(alone ? [] : others);
}
