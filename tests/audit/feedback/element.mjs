// Runs scenarios on element.js in a stand-in for the few parts of a browser that it uses. Prints {scenario: "ok" or why not}.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const SOURCE = readFileSync(process.argv[2], "utf8");
const TRACE = "0af7651916cd43dd8448eb211c80319c";

class Node extends EventTarget {
  constructor(tag) {
    super();
    this.tag = tag;
    this.children = [];
    this.attributes = new Map();
    this.textContent = "";
    this.value = "";
  }
  append(...children) {
    this.children.push(...children);
  }
  setAttribute(name, value) {
    const before = this.getAttribute(name);
    this.attributes.set(name, value);
    if (this.constructor.observedAttributes?.includes(name)) this.attributeChangedCallback(name, before, value);
  }
  getAttribute(name) {
    return this.attributes.has(name) ? this.attributes.get(name) : null;
  }
  attachShadow() {
    return (this.shadowRoot = new Node("#shadow"));
  }
  focus() {
    globalThis.document.activeElement = this;
  }
  find(tag, name) {
    const match = (each) => each.tag === tag && (!name || each.className?.split(" ").includes(name));
    for (const child of this.children) {
      const found = match(child) ? child : child.find(tag, name);
      if (found) return found;
    }
    return undefined;
  }
}

function browser(script) {
  const defined = new Map();
  const waits = [];
  const fakes = {
    HTMLElement: class extends Node {},
    CSSStyleSheet: class {
      replaceSync(text) {
        this.text = text;
      }
    },
    customElements: { get: (name) => defined.get(name), define: (name, kind) => defined.set(name, kind) },
    document: {
      currentScript: script && { src: script },
      activeElement: null,
      createElement: (tag) => new Node(tag),
      createElementNS: (namespace, tag) => new Node(tag),
    },
    setTimeout: (done, milliseconds) => {
      waits.push(milliseconds / 1000);
      setImmediate(done);
    },
  };
  Object.assign(globalThis, fakes);
  new Function(SOURCE)();
  new Function(SOURCE)(); // a page may have the script twice
  return { kind: defined.get("otelgate-feedback"), waits };
}

/** All that a click leads to: promises, and waits that end at the event loop's next turn. No clock is in it. */
async function settled() {
  for (let turn = 0; turn < 50; turn++) await new Promise((done) => setImmediate(done));
}

/** An element on a page, whose endpoint gives these answers in turn: a status, [status, Retry-After], or null for none. */
async function page({ answers = [], attributes = {}, script = "https://otelgate.example/v1/feedback/element.js" } = {}) {
  const { kind, waits } = browser(script);
  const element = new kind("otelgate-feedback");
  const requests = [];
  const events = [];
  const left = [...answers];
  globalThis.fetch = async (url, options) => {
    requests.push({ url, ...options, sent: JSON.parse(options.body) });
    const answer = left.length ? left.shift() : 202;
    if (answer === null) throw new TypeError("fetch failed");
    if (typeof answer === "function") return answer();
    const [status, after] = [answer].flat();
    return { ok: status < 300, status, headers: { get: (name) => (name === "Retry-After" ? (after ?? null) : null) } };
  };
  for (const [name, value] of Object.entries({ token: "a.b.c", "trace-id": TRACE, ...attributes })) {
    if (value !== null) element.attributes.set(name, value);
  }
  element.addEventListener("otelgate-feedback", (event) => events.push(event));
  element.connectedCallback();
  const root = element.shadowRoot;
  const part = (name) => root.find("button", name);
  return {
    element, root, requests, events, waits,
    up: part("up"), down: part("down"), send: part("send"), area: root.find("textarea"),
    box: root.find("div", "comment"), status: root.find("div", "status"), group: root.find("div", "thumbs"),
    pressed: () => ["up", "down"].map((name) => part(name).getAttribute("aria-pressed")),
    async click(button) {
      button.dispatchEvent(new Event("click"));
      await settled();
    },
  };
}

const scenarios = {
  async "it can be told and used without eyes"() {
    const { root, up, down, group, pressed, status, area, send, box } = await page();
    assert.equal(group.getAttribute("role"), "group");
    assert.equal(group.getAttribute("aria-label"), "Rate this answer");
    assert.deepEqual([up, down].map((each) => each.getAttribute("aria-label")), ["Good answer", "Bad answer"]);
    assert.deepEqual([up.type, down.type, send.type], ["button", "button", "button"]);
    assert.deepEqual(pressed(), ["false", "false"]);
    assert.equal(status.getAttribute("role"), "status");
    assert.equal(area.getAttribute("aria-label"), "What was good, what was bad?");
    assert.equal(up.find("svg").getAttribute("aria-hidden"), "true");
    assert.equal(box.hidden, true);
    assert.ok(root.adoptedStyleSheets[0].text.includes("--otelgate-feedback-pressed"));
  },

  async "a vote is posted, pressed and thanked for"() {
    const { up, click, requests, pressed, status, box, events } = await page();
    await click(up);
    const [{ url, method, headers, credentials, sent }] = requests;
    assert.equal(url, "https://otelgate.example/v1/feedback");
    assert.deepEqual([method, credentials], ["POST", "omit"]);
    assert.deepEqual(headers, { "Content-Type": "application/json", Authorization: "Bearer a.b.c" });
    assert.deepEqual(sent, { trace_id: TRACE, rating: "positive" });
    assert.deepEqual(pressed(), ["true", "false"]);
    assert.equal(status.textContent, "Thank you for your feedback.");
    assert.equal(box.hidden, false);
    assert.deepEqual(events.map((each) => each.detail), [{ rating: "positive", comment: null, ok: true }]);
    assert.deepEqual([events[0].bubbles, events[0].composed], [true, true]);
  },

  async "a double click is one post, a change another"() {
    const { up, down, click, requests, pressed } = await page();
    up.dispatchEvent(new Event("click"));
    await click(up);
    await click(up);
    await click(down);
    assert.deepEqual(requests.map((each) => each.sent.rating), ["positive", "negative"]);
    assert.deepEqual(pressed(), ["false", "true"]);
  },

  async "the endpoint and the trace may be said or left out"() {
    for (const [attributes, script, url] of [
      [{ endpoint: "https://votes.example/v1/feedback" }, null, "https://votes.example/v1/feedback"],
      [{}, "https://cdn.example/v1/feedback/element.js?v=2#x", "https://cdn.example/v1/feedback"],
      [{}, null, "/v1/feedback"],
    ]) {
      const { down, click, requests } = await page({ attributes: { "trace-id": null, ...attributes }, script });
      await click(down);
      assert.deepEqual([requests[0].url, requests[0].sent], [url, { rating: "negative" }]);
    }
  },

  async "a comment goes with the vote, then the box and its focus are gone"() {
    const { down, click, send, area, box, requests, status } = await page();
    await click(down);
    area.value = "  ";
    await click(send);
    assert.equal(requests.length, 1);
    area.value = " The wrong order. ";
    area.focus();
    await click(send);
    assert.deepEqual(requests[1].sent, { trace_id: TRACE, rating: "negative", comment: "The wrong order." });
    assert.deepEqual([box.hidden, area.value, status.textContent], [true, "", "Thank you for your feedback."]);
    assert.equal(globalThis.document.activeElement, down);
  },

  async "control and enter send a comment, enter alone is a new line"() {
    const { up, click, area, requests } = await page();
    await click(up);
    area.value = "Good.";
    for (const more of [{}, { ctrlKey: true }]) {
      area.dispatchEvent(Object.assign(new Event("keydown"), { key: "Enter", ...more }));
      await settled();
      assert.equal(requests.length, more.ctrlKey ? 2 : 1);
    }
  },

  async "a comment that failed stays in its box"() {
    const { up, click, send, area, box, status } = await page({ answers: [202, 400] });
    await click(up);
    area.value = "Good.";
    await click(send);
    assert.deepEqual([box.hidden, area.value, send.disabled], [false, "Good.", false]);
    assert.equal(status.textContent, "That could not be sent. Please try again.");
  },

  async "without comments"() {
    const { up, click, box } = await page({ attributes: { comment: "off" } });
    await click(up);
    assert.equal(box.hidden, true);
  },

  async "503 and 429 are sent again when they say so"() {
    const { up, click, requests, waits, status, pressed } = await page({ answers: [[503, "5"], [429, "7"], 202] });
    await click(up);
    assert.deepEqual(waits, [5, 7]);
    assert.equal(requests.length, 3);
    assert.equal(new Set(requests.map((each) => each.body)).size, 1);
    assert.deepEqual([status.textContent, ...pressed()], ["Thank you for your feedback.", "true", "false"]);
  },

  async "a date in Retry-After, and none"() {
    const date = new Date(Date.now() + 30_000).toUTCString();
    const { up, click, waits } = await page({ answers: [[503, date], 503, [503, "soon"], 202] });
    await click(up);
    assert.ok(waits[0] > 25 && waits[0] <= 30, String(waits[0]));
    assert.deepEqual(waits.slice(1), [2, 4]);
  },

  async "it gives up after four tries, and can be tried again"() {
    const { up, click, requests, waits, status, pressed, events } = await page({ answers: [null, null, null, null, 202] });
    await click(up);
    assert.deepEqual(waits, [1, 2, 4]);
    assert.deepEqual([requests.length, ...pressed()], [4, "false", "false"]);
    assert.deepEqual([status.textContent, status.className], ["That could not be sent. Please try again.", "status bad"]);
    assert.deepEqual(events.map((each) => each.detail.ok), [false]);
    await click(up);
    assert.deepEqual([status.textContent, status.className], ["Thank you for your feedback.", "status"]);
  },

  async "it doesn't wait for an hour"() {
    const { up, click, requests, waits, status } = await page({ answers: [[429, "3600"]] });
    await click(up);
    assert.deepEqual([requests.length, waits, status.textContent], [1, [], "That could not be sent. Please try again."]);
  },

  async "a token that is no good is not tried again"() {
    for (const answer of [401, 403]) {
      const { up, click, requests, status, pressed } = await page({ answers: [answer] });
      await click(up);
      assert.deepEqual([requests.length, status.textContent, ...pressed()], [
        1, "This answer can no longer be rated.", "false", "false",
      ]);
    }
  },

  async "a change that fails leaves the vote that was taken"() {
    const { up, down, click, pressed } = await page({ answers: [202, 400] });
    await click(up);
    await click(down);
    assert.deepEqual(pressed(), ["true", "false"]);
  },

  async "a later click wins over one that is still tried"() {
    let release;
    const late = () => new Promise((done) => (release = () => done({ ok: false, status: 503, headers: { get: () => null } })));
    const { up, down, click, requests, pressed, events, status } = await page({ answers: [late, 202] });
    await click(up);
    await click(down);
    release();
    await settled();
    assert.deepEqual(requests.map((each) => each.sent.rating), ["positive", "negative"]);
    assert.deepEqual(pressed(), ["false", "true"]);
    assert.deepEqual(events.map((each) => each.detail.rating), ["negative"]);
    assert.equal(status.textContent, "Thank you for your feedback.");
  },

  async "another answer resets the element, a fresh token for the same one doesn't"() {
    const token = (trace, more) => `h.${Buffer.from(JSON.stringify({ trace_id: trace, more })).toString("base64url")}.s`;
    const { element, up, click, pressed, status, box } = await page({
      attributes: { "trace-id": null, token: token(TRACE, "ÿ~?") },
    });
    await click(up);
    element.setAttribute("token", token(TRACE, "later"));
    assert.deepEqual(pressed(), ["true", "false"]);
    element.setAttribute("token", token("1".repeat(32)));
    assert.deepEqual([...pressed(), status.textContent, box.hidden], ["false", "false", "", true]);
  },

  async "every text can be said in another language"() {
    const { element, up, group, click, status, send } = await page({
      attributes: { label: "Bewerten", up: "Gut", thanks: "Danke.", send: "Senden" },
    });
    assert.deepEqual([group.getAttribute("aria-label"), up.getAttribute("aria-label")], ["Bewerten", "Gut"]);
    assert.equal(send.textContent, "Senden");
    await click(up);
    assert.equal(status.textContent, "Danke.");
    element.setAttribute("up", "Prima");
    assert.deepEqual([up.getAttribute("aria-label"), up.title], ["Prima", "Prima"]);
  },
};

const results = {};
for (const [name, run] of Object.entries(scenarios)) {
  try {
    await run();
    results[name] = "ok";
  } catch (error) {
    results[name] = String(error.stack);
  }
}
process.stdout.write(JSON.stringify(results));
