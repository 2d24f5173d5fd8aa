// Numbers as text: the names of Grafana's units, its scales, and its rules for decimals.

/** The decimals that Grafana shows of a number if none are set: three significant digits, none for a whole number. */
function decimalsOf(value) {
  return value % 1 === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log(Math.abs(value)) / Math.LN10));
}

/** A number with that many decimals. */
function fixed(value, wanted) {
  if (!Number.isFinite(value)) return value.toLocaleString("en");
  const decimals = Math.max(0, wanted ?? decimalsOf(value));
  if (value === 0) return value.toFixed(decimals);
  const factor = 10 ** decimals;
  const text = String(Math.round(value * factor) / factor);
  if (text.includes("e") || decimals === 0) return text;
  const [whole, fraction = ""] = text.split(".");
  return `${whole}.${fraction.padEnd(decimals, "0")}`;
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** A unit with a step of `factor` between its names; names[offset] is that of 1. */
function scaled(factor, names, offset = 0) {
  return (value, decimals) => {
    if (!Number.isFinite(value)) return fixed(value);
    const power = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) / Math.log10(factor));
    const kept = clamp(power, -offset, names.length - offset - 1);
    return fixed(value / factor ** kept, decimals) + names[offset + kept];
  };
}

const THOUSANDS = ["", "K", "M", "B", "T"];
const SHORT = ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept"];
const SI = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

const si = (unit) =>
  scaled(
    1000,
    SI.map((prefix) => ` ${prefix}${unit}`),
    SI.indexOf(""),
  );
const binary = (unit) =>
  scaled(
    1024,
    BINARY.map((prefix) => ` ${prefix}${unit}`),
  );
const count = (unit) =>
  scaled(
    1000,
    THOUSANDS.map((prefix) => `${prefix} ${unit}`),
  );

function currency(symbol) {
  const scale = scaled(1000, THOUSANDS);
  return (value, decimals) => (value < 0 ? "-" : "") + symbol + scale(Math.abs(value), decimals);
}

// Each step: below which size it is used, by which the value is multiplied and divided, and its name.
const MINUTES_AND_HOURS = (second) => [
  [3600 * second, 1, 60 * second, " min"],
  [86400 * second, 1, 3600 * second, " hour"],
];
const SECONDS = [
  [1e-6, 1e9, 1, " ns"],
  [1e-3, 1e6, 1, " µs"],
  [1, 1e3, 1, " ms"],
  [60, 1, 1, " s"],
  ...MINUTES_AND_HOURS(1),
  [604800, 1, 86400, " day"],
  [31536000, 1, 604800, " week"],
  [Infinity, 1, 31556900, " year"],
];
const MILLISECONDS = [
  [1000, 1, 1, " ms"],
  [60000, 1, 1000, " s"],
  ...MINUTES_AND_HOURS(1000),
  [31536e6, 1, 864e5, " day"],
  [Infinity, 1, 31536e6, " year"],
];
const PLURAL = new Set([" min", " hour", " day", " week", " year"]);

function steps(table) {
  return (value, decimals) => {
    const size = Math.abs(value);
    const [, multiplied, divided, name] = table.find(([limit]) => size < limit) ?? table.at(-1);
    const shown = (value * multiplied) / divided;
    return fixed(shown, decimals) + name + (PLURAL.has(name) && Math.abs(shown) > 1 ? "s" : "");
  };
}

const seconds = steps(SECONDS);
const two = (number) => String(number).padStart(2, "0");

/** A moment in the reader's zone: 2026-01-31 09:05:00. */
export function dateTime(milliseconds) {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.valueOf())) return "Invalid date";
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

// Each step: up to how many of the unit it is used, the unit's milliseconds, and the text.
const MONTH_MS = (146097 / 4800) * 864e5;
const AGES = [
  [44, 1e3, "a few seconds"],
  [1, 6e4, "a minute"],
  [44, 6e4, "% minutes"],
  [1, 36e5, "an hour"],
  [21, 36e5, "% hours"],
  [1, 864e5, "a day"],
  [25, 864e5, "% days"],
  [1, MONTH_MS, "a month"],
  [10, MONTH_MS, "% months"],
  [1, 12 * MONTH_MS, "a year"],
  [Infinity, 12 * MONTH_MS, "% years"],
];

/** How long ago a moment is: "5 minutes ago", "in a day". */
export function fromNow(milliseconds, now = Date.now()) {
  const age = now - milliseconds;
  const rounded = (unit) => Math.round(Math.abs(age) / unit);
  const found = AGES.find(([most, unit]) => rounded(unit) <= most);
  if (!found) return "Invalid date";
  const text = found[2].replace("%", rounded(found[1]));
  return age < 0 ? `in ${text}` : `${text} ago`;
}

const UNITS = {
  none: fixed,
  string: String,
  short: scaled(1000, SHORT),
  percent: (value, decimals) => `${fixed(value, decimals)}%`,
  percentunit: (value, decimals) => `${fixed(100 * value, decimals)}%`,
  currencyUSD: currency("$"),
  currencyEUR: currency("€"),
  currencyINR: currency("₹"),
  s: (value, decimals) => (value === 0 ? "0 s" : seconds(value, decimals)),
  ms: steps(MILLISECONDS),
  bytes: binary("B"),
  decbytes: si("B"),
  Bps: si("B/s"),
  binBps: binary("B/s"),
  cps: count("c/s"),
  cpm: count("c/m"),
  ops: count("ops/s"),
  reqps: count("req/s"),
  dateTimeAsIso: (value) => dateTime(value),
  dateTimeFromNow: (value) => fromNow(value),
};

/** Whether values of a unit are moments, in Unix milliseconds. */
export const isDate = (unit) => unit === "dateTimeAsIso" || unit === "dateTimeFromNow";

function unitOf(name) {
  if (Object.hasOwn(UNITS, name)) return UNITS[name];
  const [kind, ...rest] = name.split(":");
  const own = rest.join(":");
  if (kind === "prefix" && rest.length) return (value, decimals) => own + fixed(value, decimals);
  const suffix = kind === "suffix" && rest.length ? own : name;
  return (value, decimals) => `${fixed(value, decimals)} ${suffix}`;
}

/** A number in a unit as text. `decimals`: undefined or null lets the number decide. */
export function format(value, unit = "none", decimals = null) {
  return unitOf(unit || "none")(value, decimals);
}

/** The same for the ticks of an axis: without zeros at the end if no decimals are set. */
export function tick(value, unit, decimals) {
  const text = format(value, unit, decimals);
  return decimals == null ? text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "") : text;
}
