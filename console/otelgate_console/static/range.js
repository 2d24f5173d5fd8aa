// The range of time: quick ones, two moments, steps back and forward, and how often to ask again.

import { el, newId, popup } from "./dom.js";
import { dateTime } from "./units.js";

const QUICK = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "24h", "2d", "7d", "30d", "90d"];
const REFRESH_S = { "": 0, "10s": 10, "30s": 30, "1m": 60, "5m": 300 };
const UNIT_MS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const UNIT_NAMES = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };
const BACK = /^now-(\d+)([smhdw])$/;

/** The seconds between two requests; 0: do not ask again. */
export const refreshSeconds = (state) => REFRESH_S[state.refresh] ?? 0;

/** A moment such as now-6h, or Unix milliseconds in words, in Unix milliseconds. */
export function moment(text, now = Date.now()) {
  const [, number, unit] = BACK.exec(text) ?? [];
  if (unit) return now - Number(number) * UNIT_MS[unit];
  return text === "now" ? now : Number(text);
}

/** A range moved by a part of its length, or made longer around its middle. */
export function moved(state, part, longer = 1, now = Date.now()) {
  const [from, to] = [moment(state.from, now), moment(state.to, now)];
  const middle = (from + to) / 2 + (to - from) * part;
  const half = ((to - from) * longer) / 2;
  return {
    from: String(Math.round(middle - half)),
    to: String(Math.round(Math.min(middle + half, Math.max(now, to)))),
  };
}

/** The range in words. */
export function described({ from, to }) {
  const [, number, unit] = BACK.exec(from) ?? [];
  if (unit && to === "now")
    return `Last ${number === "1" ? "" : `${number} `}${UNIT_NAMES[unit]}${number === "1" ? "" : "s"}`;
  const written = (text) => (text.startsWith("now") ? text : dateTime(Number(text)));
  return `${written(from)} to ${written(to)}`;
}

/** The controls. `changed` is called with the parts of the state that are new, `again` to ask for the same. */
export function controls(state, changed, again) {
  const button = (name, label, clicked) =>
    el("button", { type: "button", "aria-label": name, title: name, onclick: clicked }, label);
  const words = described(state);
  return el(
    "div",
    { class: "range" },
    button("Shift back", "‹", () => changed(moved(state, -0.5))),
    popup({ name: `Range: ${words}` }, words, [quick(state, changed), absolute(state, changed)]),
    button("Shift forward", "›", () => changed(moved(state, 0.5))),
    button("Zoom out", "−", () => changed(moved(state, 0, 2))),
    button("Refresh", "↻", again),
    refresh(state, changed),
  );
}

function quick(state, changed) {
  const entries = QUICK.map((length) => {
    const next = { from: `now-${length}`, to: "now" };
    const current = state.from === next.from && state.to === next.to;
    const button = { type: "button", "aria-current": current ? "true" : null, onclick: () => changed(next) };
    return el("li", {}, el("button", button, described(next)));
  });
  return el("ul", { class: "quick" }, entries);
}

function absolute(state, changed) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const [from, to] = [field("From", state.from), field("To", state.to)];
  const problem = el("p", { class: "note error", role: "alert" });
  const submitted = (event) => {
    event.preventDefault();
    const [start, end] = [from, to].map(({ input }) => new Date(input.value).valueOf());
    if (start < end) changed({ from: String(start), to: String(end) });
    else problem.textContent = "The end must be after the start.";
  };
  const apply = el("button", {}, "Apply");
  return el(
    "form",
    { onsubmit: submitted },
    from.label,
    from.input,
    to.label,
    to.input,
    el("p", {}, `Times of ${zone}`),
    problem,
    apply,
  );
}

function field(name, text) {
  const id = newId("moment");
  const value = dateTime(moment(text)).replace(" ", "T");
  const input = el("input", { id, type: "datetime-local", step: 1, required: true, value });
  return { input, label: el("label", { for: id }, name) };
}

function refresh(state, changed) {
  const options = Object.keys(REFRESH_S).map((value) =>
    el("option", { value, selected: value === state.refresh }, value || "off"),
  );
  const chosen = (event) => changed({ refresh: event.target.value });
  return el("select", { "aria-label": "Refresh every", title: "Refresh every", onchange: chosen }, options);
}
