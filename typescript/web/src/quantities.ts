/** Numbers with their units, as people read them. */

import type { Position } from "./admin";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;
const grouped = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

export function count(value: Position): string {
  return grouped.format(typeof value === "string" ? BigInt(value) : value);
}

/** A number of things: "1 topic", "2 topics". */
export function counted(value: number, thing: string, things = `${thing}s`): string {
  return `${count(value)} ${value === 1 ? thing : things}`;
}

/** Three digits: enough for a chart, and never wider than its axis. */
export function rounded(value: number): string {
  return short.format(value);
}

export function bytes(value: number): string {
  let rest = value;
  let unit = 0;
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${rounded(rest)} ${UNITS[unit]}`;
}

const LONGER: readonly (readonly [number, string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
];

/** A duration in its largest unit, and the next one where that says more: "1 h 5 min". */
export function duration(seconds: number): string {
  if (seconds < 0) {
    return `−${duration(-seconds)}`;
  }
  if (seconds < 0.9995) {
    return `${rounded(seconds * 1000)} ms`;
  }
  if (seconds < 59.95) {
    return `${rounded(seconds)} s`;
  }
  const whole = Math.round(seconds);
  const at = LONGER.findIndex(([size]) => whole >= size);
  const [size, unit] = LONGER[at] ?? [60, "min"];
  const first = Math.floor(whole / size);
  const [nextSize, nextUnit] = LONGER[at + 1] ?? [1, "s"];
  const next = Math.floor((whole - first * size) / nextSize);
  return next === 0 || first >= 10 ? `${first} ${unit}` : `${first} ${unit} ${next} ${nextUnit}`;
}
