/** Scales, ticks and gaps of charts: no browser. */

import { nearest, segments, timeTicks, valueTicks } from "../src/overview/geometry";
import { bytes, count, counted, duration } from "../src/quantities";
import { expect, test } from "./harness/fixtures";

test("ticks are round and reach over the greatest value", () => {
  expect(valueTicks(0)).toEqual([0, 0.5, 1]);
  expect(valueTicks(0.0073)).toEqual([0, 0.002, 0.004, 0.006, 0.008]);
  expect(valueTicks(23)).toEqual([0, 10, 20, 30]);
  expect(valueTicks(100)).toEqual([0, 50, 100]);
  for (let value = 0.001; value < 1e12; value *= 1.7) {
    const ticks = valueTicks(value);
    expect(ticks.length).toBeLessThan(7);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(value * 0.999999);
  }
});

test("times stand at whole minutes, and not in each other's way", () => {
  const from = Date.parse("2026-03-02T10:01:30Z");
  const ticks = timeTicks({ from, to: from + 3_600_000 }, 500);
  expect(ticks.map((each) => new Date(each).toISOString().slice(11, 16))).toEqual(
    "10:10 10:20 10:30 10:40 10:50 11:00".split(" "),
  );
  expect(timeTicks({ from, to: from + 3_600_000 }, 130)).toHaveLength(2);
});

test("a line ends where nothing was reported", () => {
  const times = [0, 10, 20, 30, 70, 80, 90];
  expect(segments(times, [1, 2, null, 3, 4, 5, null], 10)).toEqual([
    [0, 1],
    [3, 3],
    [4, 5],
  ]);
  expect(segments([], [], 10)).toEqual([]);
  expect(segments([0], [null], 10)).toEqual([]);
});

test("a pointer reads out the nearest time", () => {
  expect([-5, 4, 6, 14, 16, 99].map((at) => nearest([0, 10, 20], at))).toEqual([0, 0, 1, 1, 2, 2]);
  expect(nearest([], 1)).toBe(-1);
});

/** With the decimal sign of this machine's locale. */
function here(words: string): string {
  return words.replace(".", (1.5).toLocaleString()[1] ?? ".");
}

test("quantities as people read them", () => {
  expect([0, 0.0004, 0.0123, 0.9996, 59.96, 61, 3_725, 90_000, 864_000].map(duration)).toEqual(
    "0 ms|0.4 ms|12.3 ms|1 s|1 min|1 min 1 s|1 h 2 min|1 d 1 h|10 d".split("|").map(here),
  );
  expect(duration(-90)).toBe("−1 min 30 s");
  expect([0, 999, 999.9, 12_340_000, 5e15].map(bytes)).toEqual(
    "0 B|999 B|1 kB|12.3 MB|5 PB".split("|").map(here),
  );
  expect(count("9007199254740993").replace(/\D/g, "")).toBe("9007199254740993");
  expect(counted(1, "relay")).toBe("1 relay");
  expect(counted(2, "person", "people")).toBe("2 people");
});
