/** Cohort vectors in TypeScript. The same file is tested in SQL and in Python. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cohort } from "../src/cohort.js";

interface Vectors {
  readonly vectors: readonly { surface: string; subject: string; cohort: number }[];
}

const file = new URL("../../../tests/fixtures/cohort_vectors.v1.json", import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, "utf8")) as Vectors;

test("vectors", () => {
  expect(vectors.length).toBeGreaterThan(50);
  for (const { surface, subject, cohort: expected } of vectors) {
    expect(cohort(surface, subject), `${surface} ${subject}`).toBe(expected);
  }
});
