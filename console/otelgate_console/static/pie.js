// Parts of a whole: a ring, and a table with the values and their shares.

import { ofSeries } from "./colours.js";
import { el } from "./dom.js";
import { display, figures, framesOf } from "./fields.js";
import { ring } from "./shapes.js";
import { format } from "./units.js";

/** The elements of a panel. */
export function render(panel, answer) {
  const shown = figures(panel, framesOf(answer, "series", "table"));
  const whole = shown.reduce((sum, { value }) => sum + Math.max(value, 0), 0);
  const parts = shown.map(({ name, value, config }, place) => {
    const share = whole > 0 ? Math.max(value, 0) / whole : 0;
    const { text } = display(value, "number", config);
    return { name, text, share, color: ofSeries(place), title: `${name}: ${text}, ${format(share, "percentunit", 0)}` };
  });
  return { element: el("div", { class: "pie" }, ring(parts), table(panel, parts)) };
}

function table(panel, parts) {
  const rows = parts.map(({ name, text, share, color }) => {
    const swatch = el("span", { class: "swatch", style: { background: color } });
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, swatch, name),
      el("td", {}, text),
      el("td", {}, format(share, "percentunit", 0)),
    );
  });
  const head = ["Part", "Value", "Share"].map((title) => el("th", { scope: "col" }, title));
  const inner = el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
  return el("div", { class: "legend", role: "region", tabindex: 0, "aria-label": `Parts of ${panel.title}` }, inner);
}
