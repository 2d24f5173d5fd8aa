// Grafana's links, filled in and turned to pages of the console.

import { parameters } from "./state.js";

const WRITTEN = /\$\{([\w.]+)(?::(\w+))?\}|\$(__\w+|\w+)/g;
const OWN = "otelgate-";

/** The address of a link of a panel or a cell in the console, or null if there is no such page. `row`: the cell's. */
export function resolve(url, context, row = {}) {
  return consoleAddress(fill(url, context, row), row.raw ?? "");
}

/** Replaces variables and macros. `context`: the state, its range in Unix ms, and all values of variables. */
export function fill(url, context, row = {}) {
  return url.replace(WRITTEN, (all, name, form, plain) => valueOf(name ?? plain, form, context, row) ?? all);
}

function valueOf(name, form, { state, range, values }, row) {
  if (name === "__url_time_range") return `from=${encodeURIComponent(state.from)}&to=${encodeURIComponent(state.to)}`;
  if (name === "__all_variables")
    return Object.keys(values)
      .map((each) => query(each, values[each]))
      .join("&");
  if (name === "__from" || name === "__to") return String(name === "__from" ? range.from : range.to);
  const single = rowValue(name, row);
  if (single !== undefined) return encodeURIComponent(single ?? "");
  if (!Object.hasOwn(values, name)) return form === "queryparam" ? "" : undefined;
  return form === "queryparam" ? query(name, values[name]) : encodeURIComponent(values[name].join(","));
}

function rowValue(name, row) {
  if (name === "__value.raw") return row.raw;
  if (name === "__value.text") return row.text;
  return name.startsWith("__data.fields.") ? row.fields?.[name.slice("__data.fields.".length)] : undefined;
}

const query = (name, chosen) => chosen.map((value) => `var-${name}=${encodeURIComponent(value)}`).join("&");

function consoleAddress(url, value) {
  const [path, search = ""] = url.split(/\?(.*)/s);
  if (path.startsWith("/d/")) {
    const name = path.split("/")[2].replace(OWN, "");
    const kept = search.split("&").filter(Boolean).join("&");
    return `/dashboards/${encodeURIComponent(name)}${kept && `?${kept}`}`;
  }
  if (path === "/explore") return value ? turn(value) + (url.includes("otelgate-loki") ? "#logs" : "") : null;
  return /^https?:\/\//.test(url) ? url : null;
}

/** The page of a turn. */
export const turn = (trace) => `/turns/${encodeURIComponent(trace)}`;

/** The page of another dashboard, with the same range and choices. */
export const dashboard = (name, state) => `/dashboards/${encodeURIComponent(name)}?${parameters(state)}`;
