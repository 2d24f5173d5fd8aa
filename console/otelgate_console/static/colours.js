// Colours: names that Grafana uses, and those of series, as custom properties of console.css.

const NAMED = new Set(["green", "orange", "red", "yellow", "blue", "purple"]);
const SERIES = 10;

/** The CSS colour of a name such as "red" or "dark-red"; without one, that of text. */
export function named(name) {
  const plain = String(name ?? "").replace(/^(super-light|light|semi-dark|dark)-/, "");
  return NAMED.has(plain) ? `var(--${plain})` : "var(--text)";
}

/** The CSS colour of a series by its place. */
export const ofSeries = (place) => `var(--series-${place % SERIES})`;

/** A CSS colour as it is now, for a canvas, which knows no custom properties. */
export function resolved(color) {
  const property = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
  return property ? getComputedStyle(document.documentElement).getPropertyValue(property).trim() : color;
}
