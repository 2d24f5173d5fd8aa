// Text in the little of Markdown that dashboards use: paragraphs, lists, bold, code, links.

import { el, link } from "./dom.js";

const INLINE = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g;

/** The elements of a panel. */
export function render(panel) {
  return { element: el("div", { class: "text" }, markdown(panel.options?.content ?? "")) };
}

/** Paragraphs and lists. */
export function markdown(content) {
  return content.split(/\n\s*\n/).map((block) => {
    const lines = block.trim().split("\n");
    const list = lines.every((line) => /^[-*] /.test(line));
    if (list)
      return el(
        "ul",
        {},
        lines.map((line) => el("li", {}, inline(line.slice(2)))),
      );
    return el("p", {}, inline(lines.join(" ")));
  });
}

function inline(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, bold, code, label, address] = found;
    parts.push(text.slice(end, found.index));
    if (bold) parts.push(el("strong", {}, bold));
    else if (code) parts.push(el("code", {}, code));
    else parts.push(link(/^(https?:\/\/|\/(?!\/))/.test(address) ? address : null, label));
    end = found.index + all.length;
  }
  return [...parts, text.slice(end)].filter(Boolean);
}
