// One panel: its title, its menu, and what it shows of the answer to its queries.

import * as bars from "./bars.js";
import { csv, save } from "./csv.js";
import { el, newId, popup, redrawn } from "./dom.js";
import { figures, framesOf } from "./fields.js";
import * as gauge from "./gauge.js";
import * as heatmap from "./heatmap.js";
import { resolve } from "./links.js";
import * as logs from "./logs.js";
import * as pie from "./pie.js";
import { ask } from "./requests.js";
import * as stat from "./stat.js";
import * as table from "./table.js";
import * as text from "./text.js";
import * as timeseries from "./timeseries.js";

const KINDS = { timeseries, stat, table, logs, bargauge: bars, gauge, piechart: pie, heatmap, text };
const FIGURES = new Set(["stat", "gauge", "bargauge", "piechart"]);
const AS_IT_IS = new Set(["table", "text"]);
const RUNBOOK = /Alert (\w+): grafana\/runbooks\/\1\.md/g;

/** A panel of a dashboard, drawn by `load`. `page`: the dashboard's name, its state and what panels share. */
export class Panel {
  constructor(json, page, y) {
    this.json = json;
    this.page = page;
    this.view = { hidden: new Set(), sorted: [], asTable: false };
    this.answer = null;
    this.asked = null;
    this.stale = true;
    this.seen = false;
    this.drawing = null;
    this.remove = () => {};
    this.body = el("div", { class: "body" });
    this.menu = el("div", { class: "menu" });
    this.element = this.#frame(y);
    this.#state("loading");
  }

  #frame(y) {
    const { x, w, h } = this.json.gridPos;
    const id = newId("title");
    const style = { "--x": x + 1, "--y": y + 1, "--w": w, "--h": h };
    const head = el("header", {}, el("h3", { id, title: this.json.title }, this.json.title), this.menu);
    return el(
      "section",
      { id: `panel-${this.json.id}`, class: "panel", "data-kind": this.json.type, "aria-labelledby": id, style },
      head,
      this.body,
    );
  }

  /** Ask for what is shown and show it. An older request that still runs is given up. */
  async load() {
    this.giveUp();
    this.stale = false;
    if (!this.json.targets?.length) return this.#show({ results: [] });
    this.asked = new AbortController();
    const { signal } = this.asked;
    this.element.setAttribute("aria-busy", "true");
    try {
      this.#show(await ask(this.page.frames(this.json), this.page.parameters(), signal));
      await this.drawing;
    } catch (error) {
      if (!signal.aborted) this.#failed(error.message);
    } finally {
      if (!signal.aborted) this.element.removeAttribute("aria-busy");
    }
  }

  /** Whether it waits for an answer. */
  get busy() {
    return this.element.hasAttribute("aria-busy");
  }

  /** Whether the reader has something of it open, which drawing again would close. */
  get inUse() {
    return this.element.querySelector("details[open]") !== null;
  }

  /** Stop asking: the panel is out of sight, or what it asks for has changed. */
  giveUp() {
    if (this.busy) this.stale = true;
    this.asked?.abort();
    this.element.removeAttribute("aria-busy");
  }

  /** Draw the last answer again. */
  redraw() {
    if (this.answer) this.#show(this.answer);
  }

  #show(answer) {
    this.answer = answer;
    const refused = answer.results.find((result) => result.refused)?.refused;
    const errors = answer.results
      .filter((result) => result.error)
      .map(({ refId, error }) => `Query ${refId}: ${error}`);
    const drawn = answer.results.length === 0 || hasData(this.json, answer);
    const notes = errors.map((error) => el("p", { class: "note error" }, error));
    this.#menu(drawn);
    if (drawn) this.#draw(answer, notes);
    else if (refused) this.#replace([note("You may not read this", `It shows content. The database says: ${refused}`)]);
    else this.#replace(errors.length ? notes : [empty(this.json, answer)]);
    this.#state(errors.length ? "error" : drawn ? "drawn" : refused ? "refused" : "empty");
  }

  #draw(answer, notes) {
    const kind = this.view.asTable ? table : (KINDS[this.json.type] ?? table);
    const { element, mounted } = kind.render(this.json, answer, this.#context());
    redrawn(this.body, () => this.#replace([notes, element]));
    this.drawing = this.#mount(mounted);
  }

  /** Draw what needs a size, once the elements are in the page. */
  async #mount(mounted) {
    try {
      const remove = await mounted?.();
      if (remove) this.remove = remove;
    } catch (error) {
      this.#failed(error.message);
    }
  }

  #context() {
    return {
      view: this.view,
      redraw: () => this.redraw(),
      zoom: this.page.zoom,
      open: this.page.open,
      annotations: this.page.annotations,
      links: () => this.page.links(this.answer),
    };
  }

  #replace(content) {
    this.remove();
    this.remove = () => {};
    this.body.replaceChildren(...content.flat(2).filter(Boolean));
  }

  #failed(message) {
    this.answer = null;
    this.#replace([note("This panel could not be asked", message)]);
    this.#state("error");
  }

  #state(name) {
    this.element.dataset.state = name;
  }

  #menu(drawn) {
    const description = (this.json.description ?? "").replace(RUNBOOK, "[Alert $1](/alerts/$1)");
    const about = description && popup({ name: `About ${this.json.title}` }, "i", text.markdown(description));
    const entries = [this.#links(), drawn && this.json.type !== "text" && this.#actions()].flat().filter(Boolean);
    const list = entries.map((entry) => el("li", {}, entry));
    const more = list.length > 0 && popup({ name: `Menu of ${this.json.title}` }, "⋮", el("ul", {}, list));
    const open = this.menu.querySelector("details[open]");
    if (!open) this.menu.replaceChildren(...[about, more].filter(Boolean));
  }

  #links() {
    return (this.json.links ?? []).map(({ title, url }) => {
      const address = resolve(url, this.page.links(this.answer));
      return address && el("a", { href: address }, title);
    });
  }

  #actions() {
    const toggled = () => {
      this.view.asTable = !this.view.asTable;
      this.menu.replaceChildren();
      this.redraw();
      this.menu.querySelector("details:last-of-type summary").focus();
    };
    const saved = () => save(`${this.json.title}.csv`, csv(table.tables(this.json, this.answer)));
    const closing = (clicked) => (event) => {
      event.target.closest("details").open = false;
      clicked();
    };
    const button = (label, clicked) => el("button", { type: "button", onclick: closing(clicked) }, label);
    const switched =
      !AS_IT_IS.has(this.json.type) && button(this.view.asTable ? "Show as before" : "Show as a table", toggled);
    return [switched, button("Download as CSV", saved)];
  }
}

/** Whether there is something to draw. */
export function hasData(panel, answer) {
  if (FIGURES.has(panel.type)) return figures(panel, framesOf(answer, "series", "table")).length > 0;
  const frames = framesOf(answer).filter((frame) => frame.role !== "exemplars");
  return frames.some((frame) => {
    const shown = ["series", "bucket"].includes(frame.role) ? frame.columns.slice(1) : frame.columns;
    return shown.some((column) => column.values.some((value) => value !== null));
  });
}

function empty(panel, answer) {
  const title = panel.fieldConfig?.defaults?.noValue || "No data in this range";
  return note(title, answer.normallyEmpty || (panel.fieldConfig?.defaults?.noValue ? "No data in this range." : ""));
}

function note(title, message) {
  return el("p", { class: "note" }, el("strong", {}, title), message && el("span", {}, message));
}
