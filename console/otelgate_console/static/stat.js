// One number, or a few, in the colour of the threshold that it has reached.

import { named } from "./colours.js";
import { el } from "./dom.js";
import { display, figures, framesOf } from "./fields.js";
import { sparkline } from "./shapes.js";

/** The elements of a panel. */
export function render(panel, answer) {
  const shown = figures(panel, framesOf(answer, "series", "table"));
  const withName = panel.options?.textMode === "value_and_name";
  const withGraph = panel.options?.graphMode === "area";
  return {
    element: el(
      "div",
      { class: "stats" },
      shown.map((figure) => stat(figure, withName, withGraph)),
    ),
  };
}

function stat({ name, value, values, config }, withName, withGraph) {
  const { text, color } = display(value, "number", config);
  return el(
    "div",
    { class: "stat", style: { color: named(color) } },
    withName && el("span", { class: "name" }, name),
    el("strong", {}, text),
    withGraph && sparkline(values, color ? named(color) : "var(--accent)"),
  );
}
