// Small drawings without axes, as SVG: they take the colours of the page.

import { svg } from "./dom.js";

const RADIUS = 40;
const around = 2 * Math.PI * RADIUS;

/** An arc on a circle of circumference 1, from `start` of a length. */
function arc(start, length, color, width, title) {
  const circle = {
    r: RADIUS,
    fill: "none",
    "stroke-width": width,
    "stroke-dasharray": `${length * around} ${around}`,
    "stroke-dashoffset": -start * around,
    style: { stroke: color },
  };
  return svg("circle", circle, title ? svg("title", {}, title) : null);
}

/** A ring of parts: share (0 to 1), colour and title of each. */
export function ring(parts) {
  let start = 0;
  const arcs = parts.map(({ share, color, title }) => {
    start += share;
    return arc(start - share, share, color, 18, title);
  });
  return svg(
    "svg",
    { viewBox: "-50 -50 100 100", class: "ring", "aria-hidden": "true" },
    svg("g", { transform: "rotate(-90)" }, arcs),
  );
}

const SWEEP = 2 / 3;

/** The arc of a gauge, filled up to `share`; `zones`: start and colour of each threshold. */
export function dial(share, color, zones) {
  const rim = zones.map((zone, place) => {
    const end = zones[place + 1]?.start ?? 1;
    return rimArc(zone.start, end, zone.color);
  });
  const filled = [arc(0, SWEEP, "var(--line)", 10), arc(0, share * SWEEP, color, 10)];
  const turned = svg("g", { transform: `rotate(${90 + (1 - SWEEP) * 180})` }, filled, rim);
  return svg("svg", { viewBox: "-50 -50 100 78", class: "dial", "aria-hidden": "true" }, turned);
}

function rimArc(start, end, color) {
  const scaled = svg("g", { transform: "scale(1.19)" }, arc(start * SWEEP, (end - start) * SWEEP, color, 2.5));
  return scaled;
}

/** A line without axes. */
export function sparkline(values, color) {
  const known = values.map((value, place) => [place, value]).filter(([, value]) => value !== null);
  if (known.length < 2) return null;
  const numbers = known.map(([, value]) => Number(value));
  const least = Math.min(...numbers);
  const height = Math.max(...numbers) - least || 1;
  const points = known.map(
    ([place], row) => `${(place / (values.length - 1)) * 100},${29 - ((numbers[row] - least) / height) * 28}`,
  );
  const shape = {
    viewBox: "0 0 100 30",
    preserveAspectRatio: "none",
    class: "sparkline",
    "aria-hidden": "true",
    style: { color },
  };
  return svg(
    "svg",
    shape,
    svg("polygon", { points: `0,30 ${points.join(" ")} 100,30` }),
    svg("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" }),
  );
}
