// Single panels on other pages: `<div data-embedded>` with the panel's JSON in a script element inside.

import { Panel } from "./panel.js";

const REFRESH_MS = 30000;

/** The surroundings of a panel that stands alone, with a fixed range. */
class Surroundings {
  constructor({ from, to, name, frames }) {
    this.state = { from, to, chosen: {} };
    this.name = name;
    this.address = frames;
    this.annotations = [];
    this.zoom = () => {};
    this.open = (address) => location.assign(address);
  }

  frames(json) {
    return this.address ?? `/frames/${this.name}/${json.id}`;
  }

  parameters() {
    return new URLSearchParams({ from: this.state.from, to: this.state.to });
  }

  links(answer) {
    return { state: this.state, range: { from: answer?.from, to: answer?.to }, values: {} };
  }
}

for (const place of document.querySelectorAll("[data-embedded]")) {
  const json = JSON.parse(place.querySelector("script").textContent);
  const panel = new Panel(json, new Surroundings(place.dataset), json.gridPos.y);
  place.replaceChildren(panel.element);
  panel.load();
  setInterval(() => document.hidden || panel.busy || panel.inUse || panel.load(), REFRESH_MS);
}
