/** Canonical JSON and its hash: ours, the published library's, and Postgres' are the same. */

import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { canonicalJson, hashText, isKhalaError, payloadHash } from "../src/index.js";
import { sha256 } from "../src/sha256.js";
import { jsonObject } from "./harness/json.js";
import { openDatabase } from "./harness/server.js";

const library = canonicalize as unknown as (value: unknown) => string;
const canonical = (value: unknown) => library(value);

test("the examples of RFC 8785", () => {
  const text = String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
    "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`;
  expect(canonicalJson(JSON.parse(text))).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
  const keys = JSON.parse(
    String.raw`{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}`,
  );
  expect(Object.values(JSON.parse(canonicalJson(keys))).join()).toBe("4,2,6,7,1,5,3");
});

test.each([
  ["a lone surrogate", { text: "\ud800" }],
  ["a lone surrogate in a key", { "\udc00x": 1 }],
  ["no number", { n: Number.NaN }],
  ["no finite number", { n: -Infinity }],
  ["nothing", { n: undefined }],
  ["a hole", { list: new Array(1) }],
  ["a bigint", { n: 1n }],
  ["a date", { date: new Date(0) }],
  ["a function", { call: () => 1 }],
])("%s is refused", (_, value) => {
  expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: "not_i_json" }));
  expect(isKhalaError(new Error("another"))).toBe(false);
});

test("10,000 documents: the same text as the published library's, the same hash as in Postgres", async () => {
  const database = await openDatabase();
  for (let round = 0; round < 10; round++) {
    const values = fc.sample(jsonObject, 1_000);
    expect(values.map(canonicalJson)).toEqual(values.map(canonical));
    const { rows } = await database.client.query(
      `SELECT encode(khala.payload_hash(khala.parse_payload(each.text)), 'base64') AS hash
       FROM unnest($1::text[]) WITH ORDINALITY AS each (text, n) ORDER BY n`,
      [values.map((value) => JSON.stringify(value))],
    );
    const ours = await Promise.all(values.map((value) => payloadHash(value)));
    expect(rows.map(({ hash }) => hash)).toEqual(ours);
  }
});

test("a hash as text", async () => {
  expect(hashText(await payloadHash({}))).toBe(
    `sha256:${createHash("sha256").update("{}").digest("hex")}`,
  );
});

test("SubtleCrypto, where there is no Node, finds the same hashes", async () => {
  const values = fc.sample(jsonObject, 100);
  const hashes = await Promise.all(values.map((value) => payloadHash(value)));
  vi.stubGlobal("process", { ...process, getBuiltinModule: undefined });
  const digest = vi.spyOn(crypto.subtle, "digest");
  expect(await Promise.all(values.map((value) => payloadHash(value)))).toEqual(hashes);
  expect(digest).toHaveBeenCalledTimes(values.length);
  vi.unstubAllGlobals();
});

test("SHA-256 without SubtleCrypto", async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(Buffer.from(sha256(bytes)).toString("hex")).toBe(
        createHash("sha256").update(bytes).digest("hex"),
      );
    }),
    { numRuns: 500 },
  );
  expect(await payloadHash({ a: 1 }, sha256)).toBe(await payloadHash({ a: 1 }));
});
