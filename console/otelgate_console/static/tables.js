// Tables that the server wrote: sorted by a click on a heading.

import { el } from "./dom.js";

const value = (cell) => {
  const given = cell.dataset.value ?? cell.textContent.trim();
  return given !== "" && Number.isFinite(Number(given)) ? Number(given) : given;
};

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one.localeCompare(other);
}

function sort(table, column, heading) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => compare(value(a.cells[column]), value(b.cells[column])));
  body.append(...(down ? rows.reverse() : rows));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = el("button", { type: "button", onclick: () => sort(table, column, heading) }, heading.textContent);
    heading.replaceChildren(button);
  });
}
