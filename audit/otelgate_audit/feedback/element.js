// <otelgate-feedback token="…" trace-id="…" endpoint="https://…/v1/feedback">: two thumbs for one answer, then a comment.
//
// Attributes: token (from the back end's otelgate.feedback_token()); trace-id (may be left out: the token names it);
// endpoint (may be left out where this script comes from it); comment="off"; and every text, by the names of TEXTS.
// Colours and sizes: the custom properties in STYLE. It fires the event `otelgate-feedback` with {rating, comment, ok}.
// No inline handlers, no style elements, no HTML from strings: a page's strict Content-Security-Policy holds.
(() => {
  "use strict";

  const TEXTS = {
    label: "Rate this answer",
    up: "Good answer",
    down: "Bad answer",
    "comment-label": "What was good, what was bad?",
    send: "Send",
    sending: "Sending …",
    waiting: "Sending again in a moment …",
    thanks: "Thank you for your feedback.",
    failed: "That could not be sent. Please try again.",
    expired: "This answer can no longer be rated.",
  };
  const STYLE = `
    :host { display: inline-block; font: inherit; color: var(--otelgate-feedback-color, inherit); }
    :host([hidden]) { display: none; }
    [hidden] { display: none !important; }
    .thumbs { display: inline-flex; gap: var(--otelgate-feedback-gap, 0.25rem); align-items: center; }
    button {
      font: inherit; color: inherit; cursor: pointer; padding: 0.3rem 0.45rem; line-height: 0;
      min-width: 1.5rem; min-height: 1.5rem; background: var(--otelgate-feedback-background, transparent);
      border: 1px solid var(--otelgate-feedback-border, currentColor);
      border-radius: var(--otelgate-feedback-radius, 0.4rem);
    }
    button.send { line-height: normal; }
    button[aria-pressed="true"] {
      color: var(--otelgate-feedback-pressed-color, Canvas);
      background: var(--otelgate-feedback-pressed, CanvasText);
    }
    button:focus-visible, textarea:focus-visible {
      outline: 3px solid var(--otelgate-feedback-focus, Highlight); outline-offset: 2px;
    }
    svg { width: var(--otelgate-feedback-size, 1.1rem); height: var(--otelgate-feedback-size, 1.1rem); fill: currentColor; }
    .down svg { transform: rotate(180deg); }
    .comment { display: flex; flex-direction: column; gap: 0.35rem; margin-top: 0.5rem; align-items: flex-start; }
    textarea {
      font: inherit; color: inherit; background: var(--otelgate-feedback-field, Field); padding: 0.4rem;
      width: var(--otelgate-feedback-width, 22rem); max-width: 100%; box-sizing: border-box;
      border: 1px solid var(--otelgate-feedback-border, currentColor);
      border-radius: var(--otelgate-feedback-radius, 0.4rem);
    }
    .status { min-height: 1.2em; font-size: 0.9em; }
    .status.bad { color: var(--otelgate-feedback-bad, #b3261e); }
  `;
  const THUMB = "M2 10h4v11H2zM8 21V10l4-8c1.6 0 2.6 1.1 2.6 2.6L14 9h6a2 2 0 0 1 2 2.3l-1.4 8A2 2 0 0 1 18.6 21z";
  const MAX_COMMENT = 4000; // characters, as the endpoint has it
  const TRIES = 4;
  const LONGEST_WAIT_S = 60; // if the endpoint asks to wait longer, the vote fails: the reader has left by then
  const FIRST_WAIT_S = 1;

  // A classic script knows where it came from; a module doesn't, and needs the attribute.
  const home = document.currentScript && document.currentScript.src;

  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  function retryAfter(response, otherwise) {
    const header = response && response.headers.get("Retry-After");
    if (!header) return otherwise;
    const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
    return Number.isFinite(seconds) ? Math.max(0, seconds) : otherwise;
  }

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function thumb() {
    const namespace = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(namespace, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("d", THUMB);
    svg.append(path);
    return svg;
  }

  class OtelgateFeedback extends HTMLElement {
    static observedAttributes = ["token", "trace-id", ...Object.keys(TEXTS)];

    #rating = null; // what is pressed: "positive", "negative" or null
    #sent = null; // what the endpoint has
    #turn = 0; // a later click voids an earlier one in flight
    #about = null; // the answer's trace
    #parts = null;

    connectedCallback() {
      if (!this.#parts) this.#build();
    }

    attributeChangedCallback(name, before, after) {
      if (!this.#parts || before === after) return;
      if (name in TEXTS) this.#label();
      else if (this.#answer() !== this.#about) this.#reset();
    }

    /** Vote: "positive" or "negative". Resolves to whether the endpoint accepted it. */
    async vote(rating) {
      if (rating === this.#rating) return rating === this.#sent;
      const turn = ++this.#turn;
      this.#press(rating);
      const outcome = await this.#send({ rating }, turn);
      if (turn !== this.#turn) return false;
      if (outcome === "ok") {
        this.#sent = rating;
        this.#parts.comment.hidden = this.getAttribute("comment") === "off";
      } else {
        this.#press(this.#sent); // what is pressed is what was taken
      }
      this.#tell(outcome, rating, null);
      return outcome === "ok";
    }

    async #comment() {
      const { area, send, comment } = this.#parts;
      const words = area.value.trim();
      if (!words || send.disabled || !this.#sent) return;
      const turn = ++this.#turn;
      const rating = this.#sent;
      send.disabled = true;
      const outcome = await this.#send({ rating, comment: words }, turn);
      send.disabled = false;
      if (turn !== this.#turn) return;
      if (outcome === "ok") {
        // Else the focus would be lost with the box.
        (rating === "positive" ? this.#parts.up : this.#parts.down).focus();
        area.value = "";
        comment.hidden = true;
      }
      this.#tell(outcome, rating, words);
    }

    /** "ok", "failed", or "expired" if a retry is useless; "void" after a later click. */
    async #send(vote, turn) {
      const body = JSON.stringify({ ...(this.getAttribute("trace-id") && { trace_id: this.getAttribute("trace-id") }), ...vote });
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${this.getAttribute("token") || ""}` };
      this.#say("sending");
      for (let tried = 1; ; tried++) {
        let response = null;
        try {
          response = await fetch(this.#endpoint(), { method: "POST", headers, body, credentials: "omit", keepalive: true });
        } catch {
          // The network, or an endpoint that is just starting again.
        }
        if (turn !== this.#turn) return "void";
        if (response && response.ok) return "ok";
        if (response && (response.status === 401 || response.status === 403)) return "expired";
        if (response && response.status !== 503 && response.status !== 429) return "failed";
        const seconds = retryAfter(response, FIRST_WAIT_S * 2 ** (tried - 1));
        if (tried === TRIES || seconds > LONGEST_WAIT_S) return "failed";
        this.#say("waiting");
        await wait(seconds);
        if (turn !== this.#turn) return "void";
      }
    }

    /** Which answer this is; a fresh token for the same one changes nothing. */
    #answer() {
      const token = this.getAttribute("token") || "";
      const written = this.getAttribute("trace-id");
      if (written) return written;
      try {
        return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).trace_id;
      } catch {
        return token;
      }
    }

    #endpoint() {
      const written = this.getAttribute("endpoint");
      if (written) return written;
      return home ? home.replace(/\/element\.js([?#].*)?$/, "") : "/v1/feedback";
    }

    #tell(outcome, rating, comment) {
      this.#say(outcome === "ok" ? "thanks" : outcome);
      const detail = { rating, comment, ok: outcome === "ok" };
      this.dispatchEvent(new CustomEvent("otelgate-feedback", { detail, bubbles: true, composed: true }));
    }

    #text(name) {
      return this.getAttribute(name) || TEXTS[name];
    }

    #say(name) {
      const { status } = this.#parts;
      status.textContent = name ? this.#text(name) : "";
      status.className = name === "failed" || name === "expired" ? "status bad" : "status";
    }

    #press(rating) {
      this.#rating = rating;
      this.#parts.up.setAttribute("aria-pressed", String(rating === "positive"));
      this.#parts.down.setAttribute("aria-pressed", String(rating === "negative"));
    }

    #reset() {
      this.#turn++;
      this.#about = this.#answer();
      this.#sent = null;
      this.#press(null);
      this.#say(null);
      this.#parts.area.value = "";
      this.#parts.send.disabled = false;
      this.#parts.comment.hidden = true;
    }

    #label() {
      const { group, up, down, area, send, words } = this.#parts;
      group.setAttribute("aria-label", this.#text("label"));
      for (const [button, name] of [[up, "up"], [down, "down"]]) {
        button.setAttribute("aria-label", this.#text(name));
        button.title = this.#text(name);
      }
      words.textContent = this.#text("comment-label");
      area.setAttribute("aria-label", this.#text("comment-label"));
      send.textContent = this.#text("send");
    }

    #build() {
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet(); // a style element would need the page's leave
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      const up = make("button", { type: "button", className: "up" }, thumb());
      const down = make("button", { type: "button", className: "down" }, thumb());
      const group = make("div", { className: "thumbs" }, up, down);
      group.setAttribute("role", "group");
      const words = make("span", {});
      const area = make("textarea", { rows: 3, maxLength: MAX_COMMENT });
      const send = make("button", { type: "button", className: "send" });
      const comment = make("div", { className: "comment", hidden: true }, words, area, send);
      const status = make("div", { className: "status" });
      status.setAttribute("role", "status"); // read out when it changes
      words.setAttribute("aria-hidden", "true"); // the box has it as its name
      root.append(group, comment, status);
      this.#parts = { group, up, down, comment, words, area, send, status };
      up.addEventListener("click", () => this.vote("positive"));
      down.addEventListener("click", () => this.vote("negative"));
      send.addEventListener("click", () => this.#comment());
      area.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#comment();
      });
      this.#label();
      this.#reset();
    }
  }

  if (!customElements.get("otelgate-feedback")) customElements.define("otelgate-feedback", OtelgateFeedback);
})();
