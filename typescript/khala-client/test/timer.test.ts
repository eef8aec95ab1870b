/** Waiting between tries: full jitter under a limit that doubles. */

import { expect, test } from "vitest";
import { makeBackoff } from "../src/host/timer.js";

const DRAWS = 3_000;

test.each([
  [0, 100],
  [1, 200],
  [3, 800],
  [4, 1_000],
  [50, 1_000],
  [5_000, 1_000],
])("before retry %i: evenly from 0 to %i ms", (attempt, limit) => {
  const backoff = makeBackoff({ baseMs: 100, capMs: 1_000 });
  const quarters = [0, 0, 0, 0];
  for (let draw = 0; draw < DRAWS; draw++) {
    const quarter = Math.floor((backoff(attempt) / limit) * 4);
    quarters[quarter] = (quarters[quarter] ?? 0) + 1;
  }
  // Six deviations from what is expected: not by chance.
  expect(quarters.map((count) => count > DRAWS * 0.2)).toEqual([true, true, true, true]);
});

test("what the server asks for comes on top, jittered as well", () => {
  const backoff = makeBackoff({ baseMs: 100, capMs: 1_000 });
  const waits = Array.from({ length: 100 }, () => backoff(0, 5_000));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...waits)).toBeLessThan(5_100);
  expect(new Set(waits).size).toBeGreaterThan(50);
});
