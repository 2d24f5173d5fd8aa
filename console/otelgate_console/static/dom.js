// Elements. Text is only ever text: nothing here reads markup.

/** An element. Properties: `class`, `on…` handlers, `style` (custom properties and others), attributes. */
export function el(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same in an SVG. */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** A link, or plain text where there is no address. */
export function link(address, text, properties = {}) {
  return address ? el("a", { href: address, ...properties }, text) : text;
}

let last = 0;

/** An id that no other element has. */
export function newId(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}

/** A box that a button opens; its name is what `label` does not say. Escape and a click outside close it. */
export function popup(properties, label, content, closed = () => {}) {
  const summary = el("summary", { "aria-label": properties.name }, label);
  const box = el(
    "details",
    { class: `popup ${properties.class ?? ""}` },
    summary,
    el("div", { class: "box" }, content),
  );
  const outside = (event) => box.contains(event.target) || (box.open = false);
  box.addEventListener("toggle", () => {
    const change = box.open ? "addEventListener" : "removeEventListener";
    document[change]("pointerdown", outside);
    if (!box.open) closed();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    summary.focus();
  });
  return box;
}

/** Runs what replaces the content of a box; focus and scrolling are then where they were. */
export function redrawn(box, replace) {
  const focusable = () => [...box.querySelectorAll("button, a, summary, input, select, [tabindex]")];
  const place = focusable().indexOf(document.activeElement);
  const scrolled = [...box.children].map((child) => child.scrollTop);
  replace();
  if (place >= 0) focusable()[place]?.focus({ preventScroll: true });
  [...box.children].forEach((child, number) => (child.scrollTop = scrolled[number] ?? 0));
}
