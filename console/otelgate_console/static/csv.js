// Tables as comma-separated values, and files that the browser saves.

import { el } from "./dom.js";

/** The text of a file for some tables: times in UTC, numbers unrounded. */
export function csv(tables) {
  return tables.map((columns) => [titles(columns), ...rows(columns)].map(line).join("")).join("\r\n");
}

const titles = (columns) => columns.map((column) => text(column.name));
const line = (cells) => `${cells.join(",")}\r\n`;

function rows(columns) {
  return (columns[0]?.values ?? []).map((_, row) =>
    columns.map((column) => written(column.values[row] ?? "", column.kind)),
  );
}

function written(value, kind) {
  if (value === "") return "";
  if (kind === "time") return new Date(value).toISOString();
  if (kind === "number" || kind === "boolean") return String(value);
  return text(kind === "labels" ? JSON.stringify(value) : String(value));
}

/** A text in quotes; one that a spreadsheet would run as a formula begins with an apostrophe. */
function text(value) {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** Have the browser save a text as a file. */
export function save(name, content) {
  const address = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
  el("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}
