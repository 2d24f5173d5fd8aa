// A panel's settings for one column, and the text and colour of a value in it.

import { dateTime, format, isDate } from "./units.js";

const MATCHERS = {
  byName: (options, column, frame) => options === column.name || options === frame.name,
  byRegexp: (options, column) => new RegExp(options.replace(/^\/(.*)\/$/, "$1")).test(column.name),
  byType: (options, column) => options === (column.kind === "text" ? "string" : column.kind),
  byFrameRefID: (options, column, frame) => options === frame.refId,
};

/** The settings of a column: those of the panel, and those of the overrides that name it. */
export function configOf(panel, column, frame) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const config = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties } of overrides) {
    if (!MATCHERS[matcher.id]?.(matcher.options, column, frame)) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) config.custom[id.slice("custom.".length)] = value;
      else config[id] = value;
    }
  }
  return config;
}

/** The name of a column for people: what the panel calls it, or its own in words. */
export function titleOf(column, config) {
  if (config.displayName) return config.displayName;
  const words = column.name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const SPECIAL = {
  null: (value) => value === null,
  nan: (value) => Number.isNaN(value),
  "null+nan": (value) => value === null || Number.isNaN(value),
  true: (value) => value === true || value === "true",
  false: (value) => value === false || value === "false",
  empty: (value) => value === "",
};

function inRange(options, value) {
  const number = Number.parseFloat(value);
  return number >= (options.from ?? -Infinity) && number <= (options.to ?? Infinity);
}

/** The text and colour that a value is mapped to, or nothing. */
export function mapped(mappings, value) {
  for (const { type, options } of mappings ?? []) {
    if (type === "value" && value !== null && Object.hasOwn(options, String(value))) return options[String(value)];
    if (type === "range" && inRange(options, value)) return options.result;
    if (type === "special" && SPECIAL[options.match]?.(value)) return options.result;
  }
  return undefined;
}

/** The step of thresholds that a value has reached. */
export function threshold(config, value) {
  const { steps = [], mode } = config.thresholds ?? {};
  const { min = 0, max = 100 } = config;
  const compared = mode === "percentage" ? ((value - min) / (max - min)) * 100 : value;
  return steps.findLast((step, place) => place === 0 || compared >= step.value);
}

function textOf(value, kind, config) {
  if (value === null || value === undefined || value === "") return config.noValue ?? "";
  if (kind === "time") return isDate(config.unit) ? format(value, config.unit) : dateTime(value);
  if (kind === "labels") return JSON.stringify(value);
  if (kind === "text" && isDate(config.unit)) return format(Date.parse(value), config.unit);
  return kind === "number" ? format(Number(value), config.unit, config.decimals) : String(value);
}

/** Text and name of the colour of a value. No colour: neither a mapping nor thresholds give it one. */
export function display(value, kind, config) {
  const found = mapped(config.mappings, value);
  const coloured = config.color?.mode === "thresholds" || config.custom?.cellOptions?.type === "color-text";
  const reached = coloured && kind === "number" && value !== null ? threshold(config, Number(value)) : undefined;
  return { text: found?.text ?? textOf(value, kind, config), color: found?.color ?? reached?.color };
}

const numbers = (values) => values.filter((value) => value !== null).map(Number);

/** The numbers that a legend shows of a series, with their names there. */
export const CALCULATIONS = {
  mean: ["Mean", (values) => values.reduce((sum, value) => sum + value, 0) / values.length],
  max: ["Max", (values) => values.reduce((most, value) => Math.max(most, value), -Infinity)],
  min: ["Min", (values) => values.reduce((least, value) => Math.min(least, value), Infinity)],
  sum: ["Total", (values) => values.reduce((sum, value) => sum + value, 0)],
  lastNotNull: ["Last", (values) => values.at(-1)],
  last: ["Last", (values) => values.at(-1)],
  firstNotNull: ["First", (values) => values[0]],
};

/** One number for many; null if there is none. */
export function reduce(values, calculation) {
  const found = numbers(values);
  return found.length ? (CALCULATIONS[calculation] ?? CALCULATIONS.lastNotNull)[1](found) : null;
}

/** The numbers that a stat, a gauge, bars or a pie show: name, value and settings of each. */
export function figures(panel, frames) {
  const { values: each, calcs = ["lastNotNull"], limit = Infinity } = panel.options?.reduceOptions ?? {};
  const found = frames.flatMap((frame) => {
    const columns = frame.columns.filter((column) => column.kind === "number");
    return columns.flatMap((column) => {
      const config = configOf(panel, column, frame);
      if (!each) {
        const name = config.displayName ?? (frame.name || titleOf(column, config));
        return [{ name, value: reduce(column.values, calcs[0]), values: column.values, config }];
      }
      return column.values.map((value, row) => ({
        name: rowName(frame, column, config, row, columns.length),
        value: value === null ? null : Number(value),
        values: [],
        config,
      }));
    });
  });
  return found.filter((figure) => figure.value !== null).slice(0, limit);
}

function rowName(frame, column, config, row, columns) {
  const texts = frame.columns.filter((other) => other.kind === "text" && other.values[row]);
  const parts = texts.map((other) => other.values[row]);
  if (columns > 1 || !parts.length) parts.push(titleOf(column, config));
  return parts.join(" ");
}

/** The frames of an answer that hold rows or numbers, in the order of its queries. */
export function framesOf(answer, ...roles) {
  const frames = answer.results.flatMap((result) => result.frames);
  return roles.length ? frames.filter((frame) => roles.includes(frame.role)) : frames;
}
