// The choices of a dashboard: lists with a search, single choices, and text.

import { el, newId, popup } from "./dom.js";

const ALL = "$__all";

/** The values of a variable: those chosen, or those with which the dashboard opens. */
export function valuesOf(variable, chosen) {
  const value = chosen[variable.name] ?? variable.current?.value ?? "";
  return Array.isArray(value) ? value : [value];
}

/** The controls of all variables. `changed(name, values)` is called with a new choice. */
export function controls(variables, chosen, offers, changed) {
  return variables.map((variable) => {
    const values = valuesOf(variable, chosen);
    const change = (next) => same(next, values) || changed(variable.name, next);
    const { values: offered = [], error = "" } = offers[variable.name] ?? {};
    const kind = variable.type === "textbox" ? textbox : variable.multi ? several : single;
    const label = variable.label || variable.name;
    return el(
      "div",
      { class: "control" },
      kind(variable, label, values, offered, change),
      error && problem(label, error),
    );
  });
}

const same = (one, other) => one.length === other.length && one.every((value) => other.includes(value));
const problem = (label, error) =>
  el("p", { class: "note error" }, `${label}: its choices could not be asked: ${error}`);
const nameOf = (value) => (value === ALL ? "All" : value || "(empty)");

function labelled(variable, label, input) {
  const id = newId("variable");
  input.id = id;
  return [el("label", { for: id, title: variable.description }, label), input];
}

function textbox(variable, label, values, _, change) {
  const input = el("input", {
    type: "text",
    value: values[0] ?? "",
    onchange: (event) => change([event.target.value.trim()]),
  });
  return labelled(variable, label, input);
}

function single(variable, label, values, offered, change) {
  const listed = [...new Set([...(variable.includeAll ? [ALL] : []), ...offered, ...values])];
  const options = listed.map((value) => el("option", { value, selected: values.includes(value) }, nameOf(value)));
  return labelled(variable, label, el("select", { onchange: (event) => change([event.target.value]) }, options));
}

function several(variable, label, values, offered, change) {
  const listed = [...new Set([...offered, ...values.filter((value) => value !== ALL)])];
  const picked = new Set(values);
  const list = el("ul", {});
  const fill = (search) => list.replaceChildren(...choices(variable, listed, picked, search, () => fill(search)));
  const search = el("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": `Search ${label}`,
    oninput: (event) => fill(event.target.value),
  });
  fill("");
  const shown = values.map(nameOf);
  const text = shown.length > 2 ? `${shown.length} chosen` : shown.join(", ");
  const close = el(
    "button",
    { type: "button", onclick: (event) => (event.target.closest("details").open = false) },
    "Apply",
  );
  const box = popup(
    { class: "several" },
    [el("span", { class: "label" }, label), " ", text],
    [search, list, close],
    () => change(completed(picked, variable)),
  );
  box.addEventListener("toggle", () => box.open && search.focus());
  box.addEventListener("keydown", (event) => moveFocus(event, list, search));
  return box;
}

/** Nothing chosen is all, where that can be chosen. */
function completed(picked, variable) {
  return picked.size || !variable.includeAll ? [...picked] : [ALL];
}

function choices(variable, listed, picked, search, again) {
  const wanted = search.trim().toLowerCase();
  const found = listed.filter((value) => value.toLowerCase().includes(wanted));
  const own = wanted && variable.allowCustomValue && variable.type !== "custom" && !listed.includes(search.trim());
  const offered = [...(variable.includeAll && !wanted ? [ALL] : []), ...found, ...(own ? [search.trim()] : [])];
  if (!offered.length) return [el("li", { class: "none" }, "No value matches.")];
  return offered.map((value) => choice(value, picked, again));
}

function choice(value, picked, again) {
  const toggled = ({ target }) => {
    if (value === ALL) picked.clear();
    else picked.delete(ALL);
    if (target.checked) picked.add(value);
    else picked.delete(value);
    const list = target.closest("ul");
    const place = [...list.querySelectorAll("input")].indexOf(target);
    again();
    list.querySelectorAll("input")[place]?.focus();
  };
  const input = el("input", { type: "checkbox", checked: picked.has(value), onchange: toggled });
  return el("li", {}, el("label", {}, input, nameOf(value)));
}

/** Arrow keys walk through the list, Enter applies. */
function moveFocus(event, list, search) {
  const inputs = [search, ...list.querySelectorAll("input")];
  const place = inputs.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && place >= 0) {
    event.preventDefault();
    inputs[Math.min(Math.max(place + step, 0), inputs.length - 1)].focus();
  } else if (event.key === "Enter" && place >= 0) {
    event.preventDefault();
    event.currentTarget.open = false;
    event.currentTarget.querySelector("summary").focus();
  }
}
