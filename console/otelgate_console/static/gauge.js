// A number on the scale between its least and its most.

import { named } from "./colours.js";
import { el } from "./dom.js";
import { display, figures, framesOf } from "./fields.js";
import { dial } from "./shapes.js";

/** The elements of a panel. */
export function render(panel, answer) {
  const shown = figures(panel, framesOf(answer, "series", "table"));
  return {
    element: el(
      "div",
      { class: "stats" },
      shown.map((figure) => gauge(figure, shown.length > 1)),
    ),
  };
}

/** How far a value is between two ends, from 0 to 1. */
export const share = (value, { min = 0, max = 100 }) => Math.min(Math.max((value - min) / (max - min), 0), 1);

function gauge({ name, value, config }, withName) {
  const { text, color } = display(value, "number", config);
  const zones = (config.thresholds?.steps ?? []).map((step, place) => ({
    start: place === 0 ? 0 : share(step.value, config),
    color: named(step.color),
  }));
  const colored = { style: { color: named(color) } };
  return el(
    "div",
    { class: "gauge" },
    dial(share(value, config), named(color), zones),
    el("strong", colored, text),
    withName && el("span", { class: "name" }, name),
  );
}
