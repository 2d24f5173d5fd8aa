// Bars: one line for each value, as long as its part of the largest.

import { named, ofSeries } from "./colours.js";
import { el } from "./dom.js";
import { display, figures, framesOf } from "./fields.js";
import { share } from "./gauge.js";

/** The elements of a panel. */
export function render(panel, answer) {
  const shown = figures(panel, framesOf(answer, "series", "table"));
  const most = shown.reduce((largest, { value }) => Math.max(largest, value), 0);
  const rows = shown.map((figure, place) => bar(figure, most, place));
  return { element: el("ul", { class: "bars", tabindex: 0, "aria-label": panel.title }, rows) };
}

function bar({ name, value, config }, most, place) {
  const { text, color } = display(value, "number", config);
  const part = share(value, { min: config.min ?? 0, max: config.max ?? (most || 1) });
  const fill = color ? named(color) : ofSeries(place);
  return el(
    "li",
    {},
    el("span", { class: "name" }, name),
    el("span", { class: "track" }, el("span", { class: "fill", style: { width: `${part * 100}%`, background: fill } })),
    el("b", { style: { color: named(color) } }, text),
  );
}
