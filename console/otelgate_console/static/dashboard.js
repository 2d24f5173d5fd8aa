// The page of a dashboard: its controls, its rows of panels, and when they ask.

import { el, newId, redrawn } from "./dom.js";
import { dashboard as addressOf } from "./links.js";
import { Panel } from "./panel.js";
import * as range from "./range.js";
import { ask } from "./requests.js";
import * as states from "./state.js";
import { dateTime } from "./units.js";
import * as variables from "./variables.js";

const NEAR = "300px";

class Page {
  constructor(root, json) {
    this.name = root.dataset.name;
    this.json = json;
    this.variables = json.templating.list.filter((variable) => variable.hide !== 2);
    this.defaults = { from: json.time.from, to: json.time.to, refresh: json.refresh || "" };
    this.annotations = [];
    this.offers = {};
    this.controls = el("div", { class: "controls" });
    this.range = el("div", { class: "toolbar" });
    this.events = el("div", { class: "events" });
    this.zoom = (from, to) => this.change({ from: String(from), to: String(to) });
    this.open = (address) => location.assign(address);
    this.sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.#seen(entry)), {
      rootMargin: NEAR,
    });
    this.panels = new Map();
    const rows = sections(json.panels).map((section) => this.#section(section));
    root.replaceChildren(el("div", { class: "top" }, this.controls, this.range), this.events, ...rows);
    this.#read();
  }

  /** A new range, choice or interval: into the address, then everything is asked for. */
  change(part) {
    const state = { ...this.state, ...part };
    history.pushState(null, "", states.address(state, this.defaults) || location.pathname);
    this.#read();
  }

  /** The address of a panel's data. */
  frames(json) {
    return `/frames/${this.name}/${json.id}`;
  }

  /** The parameters of every request. */
  parameters() {
    return states.parameters(this.state);
  }

  /** The values that links are filled with: the state, the range of an answer, and the values of all variables. */
  links(answer) {
    const [from, to] = [answer?.from ?? range.moment(this.state.from), answer?.to ?? range.moment(this.state.to)];
    const values = this.variables.map((variable) => [variable.name, variables.valuesOf(variable, this.state.chosen)]);
    return { state: this.state, range: { from, to }, values: Object.fromEntries(values) };
  }

  /** Take the state from the address and show it: at first, after a change, and when the reader goes back. */
  read() {
    this.#read();
  }

  #read() {
    const known = this.json.templating.list.map((variable) => variable.name);
    this.state = states.read(location.search, known, this.defaults);
    this.#drawControls();
    const drawn = range.controls(
      this.state,
      (part) => this.change(part),
      () => this.#again(() => true),
    );
    const print = el("button", { type: "button", onclick: () => this.#print() }, "Print");
    redrawn(this.range, () => this.range.replaceChildren(drawn, print));
    for (const link of document.querySelectorAll("[data-dashboard]"))
      link.href = addressOf(link.dataset.dashboard, this.state);
    for (const panel of this.panels.values()) panel.giveUp();
    this.#again(() => true);
    this.#askVariables();
    this.#schedule();
  }

  #drawControls() {
    const change = (name, values) => this.change({ chosen: { ...this.state.chosen, [name]: values } });
    const drawn = variables.controls(this.variables, this.state.chosen, this.offers, change);
    redrawn(this.controls, () => this.controls.replaceChildren(...drawn));
  }

  /** Ask again for the panels that are in sight; the others when they are seen. */
  #again(wanted) {
    for (const panel of this.panels.values()) {
      if (!wanted(panel)) continue;
      panel.stale = true;
      if (panel.seen) panel.load();
    }
    this.#askAnnotations();
  }

  #seen({ target, isIntersecting }) {
    const panel = this.panels.get(target);
    panel.seen = isIntersecting;
    if (!isIntersecting) panel.giveUp();
    else if (panel.stale) panel.load();
  }

  async #askVariables() {
    const { state } = this;
    const offers = await ask(`/variables/${this.name}`, this.parameters()).catch((error) =>
      Object.fromEntries(this.variables.map(({ name }) => [name, { values: [], error: error.message }])),
    );
    if (state !== this.state || this.controls.querySelector("details[open], :focus")) return;
    this.offers = offers;
    this.#drawControls();
  }

  async #askAnnotations() {
    const { state } = this;
    const answer = await ask(`/annotations/${this.name}`, this.parameters()).catch((error) => ({
      results: [{ error: error.message, frames: [] }],
    }));
    if (state !== this.state) return;
    const before = JSON.stringify(this.annotations);
    this.annotations = answer.results.flatMap(({ frames }) => frames.flatMap(happened));
    this.events.replaceChildren(...listed(this.annotations, answer.results.find(({ error }) => error)?.error));
    if (JSON.stringify(this.annotations) === before) return;
    for (const panel of this.panels.values()) if (panel.json.type === "timeseries") panel.redraw();
  }

  #schedule() {
    clearInterval(this.timer);
    const seconds = range.refreshSeconds(this.state);
    const due = () => document.hidden || this.#again((panel) => !panel.busy && !panel.inUse);
    if (seconds) this.timer = setInterval(due, seconds * 1000);
  }

  #section({ row, panels }) {
    const top = Math.min(...panels.map((panel) => panel.gridPos.y));
    const id = newId("row");
    const grid = el(
      "div",
      { class: "panels", id, hidden: row?.collapsed },
      panels.map((json) => this.#panel(json, top)),
    );
    if (!row) return grid;
    const toggle = el(
      "button",
      { type: "button", "aria-expanded": String(!row.collapsed), "aria-controls": id },
      row.title,
    );
    toggle.addEventListener("click", () => {
      grid.hidden = !grid.hidden;
      toggle.setAttribute("aria-expanded", String(!grid.hidden));
    });
    return el("section", {}, el("h2", {}, toggle), grid);
  }

  #panel(json, top) {
    const panel = new Panel(json, this, json.gridPos.y - top);
    this.panels.set(panel.element, panel);
    this.sight.observe(panel.element);
    return panel.element;
  }

  /** Open all rows, ask for all that was not in sight, and print when it is there. */
  async #print() {
    for (const toggle of document.querySelectorAll('[aria-expanded="false"]')) toggle.click();
    await Promise.all([...this.panels.values()].filter((panel) => panel.stale).map((panel) => panel.load()));
    window.print();
  }
}

/** The panels below each row; those above the first row have none. */
function sections(panels) {
  const found = [];
  for (const panel of panels) {
    if (panel.type === "row") found.push({ row: panel, panels: [...(panel.panels ?? [])] });
    else if (found.length) found.at(-1).panels.push(panel);
    else found.push({ row: null, panels: [panel] });
  }
  return found.filter((section) => section.panels.length);
}

/** The events in a frame: when, and in which words. */
function happened(frame) {
  const values = (name) => frame.columns.find((column) => column.name === name)?.values ?? [];
  return values("time").map((time, row) => ({ time, text: values("text")[row] ?? "" }));
}

function listed(annotations, error) {
  if (error) return [el("p", { class: "note error" }, `Events could not be asked: ${error}`)];
  if (!annotations.length) return [];
  const entries = annotations.map(({ time, text }) => el("li", {}, el("time", {}, dateTime(time)), " ", text));
  const summary = el(
    "summary",
    {},
    annotations.length === 1 ? "1 event in this range" : `${annotations.length} events in this range`,
  );
  return [el("details", {}, summary, el("ul", {}, entries))];
}

const json = JSON.parse(document.getElementById("dashboard-json").textContent);
const page = new Page(document.getElementById("dashboard"), json);
addEventListener("popstate", () => page.read());
document.addEventListener("themechange", () => page.panels.forEach((panel) => panel.redraw()));
