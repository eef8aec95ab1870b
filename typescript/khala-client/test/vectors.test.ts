/** The hash vectors in TypeScript. The same file is tested in SQL and in Python. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canonicalJson, hashText, payloadHash } from "../src/index.js";

interface Vectors {
  readonly vectors: readonly { name: string; json: string; canonical: string; sha256: string }[];
  readonly refused: readonly { name: string; json: string; refused_by: readonly string[] }[];
}

const file = new URL("../../../tests/fixtures/payload_hash_vectors.v1.json", import.meta.url);
const { vectors, refused } = JSON.parse(readFileSync(file, "utf8")) as Vectors;

describe("vectors", () => {
  test.each(vectors)("$name", async ({ json, canonical, sha256 }) => {
    const value = JSON.parse(json);
    expect(canonicalJson(value)).toBe(canonical);
    expect(hashText(await payloadHash(value))).toBe(`sha256:${sha256}`);
  });
});

describe("refused", () => {
  test.each(refused.filter((each) => each.refused_by.includes("typescript")))(
    "$name",
    ({ json }) => {
      expect(() => canonicalJson(JSON.parse(json))).toThrow();
    },
  );
});
