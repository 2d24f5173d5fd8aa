// Log lines, the newest first; a line opens to its labels and the turn that it belongs to.

import { el } from "./dom.js";
import { framesOf } from "./fields.js";
import { turn } from "./links.js";
import { dateTime } from "./units.js";

const LEVELS = { critical: "red", fatal: "red", error: "red", warning: "orange", warn: "orange" };

/** The elements of a panel. */
export function render(panel, answer) {
  const lines = framesOf(answer, "lines").flatMap((frame) => {
    const [times, texts, labels] = frame.columns;
    return times.values.map((time, row) => line(time, texts.values[row] ?? "", labels?.values[row] ?? {}));
  });
  return { element: el("ol", { class: "logs", tabindex: 0, "aria-label": panel.title }, lines) };
}

function line(time, text, labels) {
  const level = String(labels.detected_level ?? labels.level ?? labels.severity_text ?? "").toLowerCase();
  const summary = el(
    "summary",
    {},
    el("time", { datetime: new Date(time).toISOString() }, dateTime(time)),
    level && el("span", { class: `level ${LEVELS[level] ?? ""}` }, level),
    el("span", { class: "message" }, text || labels.event_name || labels.otelgate_event_name || "(no text)"),
  );
  const box = el("details", {}, summary);
  box.addEventListener("toggle", () => box.children.length === 1 && box.append(details(labels)), { once: true });
  return el("li", {}, box);
}

function details(labels) {
  const entries = Object.entries(labels).sort(([one], [other]) => one.localeCompare(other));
  const rows = entries.map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]);
  const trace = labels.trace_id && el("p", {}, el("a", { href: turn(labels.trace_id) }, "Open the turn"));
  return el("div", {}, trace, el("dl", {}, rows));
}
