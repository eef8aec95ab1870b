/** Where things are in a chart: scales, ticks, and lines with gaps. No React, no DOM. */

/** A value per time; null: nothing was reported. */
export type Values = readonly (number | null)[];

export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Scale {
  readonly from: number;
  readonly to: number;
}

export function position({ from, to }: Scale, value: number, start: number, end: number): number {
  return to === from ? start : start + ((value - from) / (to - from)) * (end - start);
}

/** Ticks from 0 to the first round number that nothing exceeds: one, two or five times a power of ten apart. */
export function valueTicks(greatest: number, most = 4): readonly number[] {
  const top = greatest > 0 ? greatest : 1;
  const power = 10 ** Math.floor(Math.log10(top / most));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => top / each <= most);
  const apart = step ?? power * 10;
  const steps = Math.max(1, Math.ceil(top / apart - 1e-9));
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * apart).toPrecision(12)));
}

const MINUTE = 60_000;

/** Times at whole minutes, no closer to each other than the labels are wide. */
export function timeTicks({ from, to }: Scale, width: number, labelWidth = 56): readonly number[] {
  const most = Math.max(1, Math.floor(width / labelWidth));
  const steps = [1, 2, 5, 10, 15, 20, 30, 60].map((each) => each * MINUTE);
  const step = steps.find((each) => (to - from) / each <= most) ?? 60 * MINUTE;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    ticks.push(at);
  }
  return ticks;
}

export function greatest(lines: readonly Values[]): number {
  let found = 0;
  for (const values of lines) {
    for (const value of values) {
      found = Math.max(found, value ?? 0);
    }
  }
  return found;
}

/**
 * The parts of a line that are drawn, as first and last index: it ends where nothing was reported,
 * and where times are further apart than they should be.
 */
export function segments(
  times: readonly number[],
  values: Values,
  intervalMs: number,
): readonly (readonly [number, number])[] {
  const parts: [number, number][] = [];
  let open: [number, number] | null = null;
  for (const [index, at] of times.entries()) {
    const isReported = (values[index] ?? null) !== null;
    const isLate = open !== null && at - (times[open[1]] ?? at) > 1.5 * intervalMs;
    if (open !== null && (!isReported || isLate)) {
      parts.push(open);
      open = null;
    }
    if (isReported) {
      open = open === null ? [index, index] : [open[0], index];
    }
  }
  return open === null ? parts : [...parts, open];
}

/** The index of the time that is nearest; -1 where there are none. */
export function nearest(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const before = times[low - 1];
  const found = times[low];
  return before !== undefined && found !== undefined && at - before < found - at ? low - 1 : high;
}
