// Sends requests in the ways that a page has, concurrently, and returns the part of each answer that the page could read.
// Each of `requests` has: url, method, way, type, body (base64).
const [requests, done] = arguments;

const TIME_MS = 20000; // WebDriver gives a script 30 s

const bytes = ({body}) => Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
const blob = (request) => new Blob([bytes(request)], request.type ? {type: request.type} : {});
const init = (request) => (request.method === "GET" ? {} : {method: request.method, body: blob(request)});

const loaded = (element) =>
  new Promise((resolve) => {
    element.onload = element.onerror = () => resolve("");
    document.body.append(element);
  });
const made = (name, values) => Object.assign(document.createElement(name), values);

const WAYS = {
  async cors(request) {
    const answer = await fetch(request.url, init(request));
    return answer.ok ? `${answer.status} ${await answer.text()}` : "";
  },
  async blind(request) {
    await fetch(request.url, {...init(request), mode: "no-cors", credentials: "include"});
    return "";
  },
  async beacon(request) {
    navigator.sendBeacon(request.url, blob(request));
    return "";
  },
  // A form has names and values: a body of another kind is cut at its first "=".
  form(request) {
    const [name, ...value] = new TextDecoder().decode(bytes(request)).split("=");
    const frame = made("iframe", {name: `frame of ${request.url}`});
    const form = made("form", {
      action: request.url, method: request.method, enctype: request.type, target: frame.name,
    });
    form.append(made("input", {name, value: value.join("=")}));
    document.body.append(form);
    const over = loaded(frame);
    form.submit();
    return over;
  },
  image: (request) => loaded(made("img", {src: request.url})),
  script: (request) => loaded(made("script", {src: request.url})),
  frame: (request) => loaded(made("iframe", {src: request.url})),
  preload: (request) => loaded(made("link", {rel: "preload", as: "fetch", crossOrigin: "anonymous", href: request.url})),
  events(request) {
    return new Promise((resolve) => {
      const events = new EventSource(request.url);
      events.onopen = () => resolve("open");
      events.onerror = () => resolve("");
    });
  },
  socket(request) {
    return new Promise((resolve) => {
      const socket = new WebSocket(request.url.replace(/^http/, "ws"));
      socket.onopen = () => resolve("open");
      socket.onerror = socket.onclose = () => resolve("");
    });
  },
};

const late = () => new Promise((resolve) => setTimeout(resolve, TIME_MS, ""));
const sent = (request) => Promise.race([WAYS[request.way](request), late()]).catch(() => "");

Promise.all(requests.map(sent)).then(done);
