/** The cache: whatever the order and however often versions arrive, the same documents stand. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { DocumentCache, type Version } from "../src/topics/cache.js";
import { plain } from "./harness/waiting.js";

/** A topic's history: watermarks 1, 2, 3 …; each document's versions rise, or are rewritten. */
const history = fc
  .array(
    fc.record({ key: fc.constantFrom("a", "b", "c", "d"), step: fc.nat(2), deleted: fc.boolean() }),
    { maxLength: 30 },
  )
  .map((writes) => {
    const versions = new Map<string, bigint>();
    return writes.map(({ key, step, deleted }, index): Version => {
      const docVersion = (versions.get(key) ?? 1n) + BigInt(step);
      versions.set(key, docVersion);
      return {
        topic: "t",
        docKey: key,
        docVersion,
        watermark: BigInt(index + 1),
        payloadHash: String(index),
        deleted,
        payload: deleted ? null : { index },
      };
    });
  });

const arrival = history.chain((writes) =>
  fc.record({
    writes: fc.constant(writes),
    // Everything once, in any order, and any of it again at any place.
    order: fc
      .tuple(
        fc.shuffledSubarray(writes, { minLength: writes.length }),
        writes.length > 0
          ? fc.array(fc.constantFrom(...writes), { maxLength: 30 })
          : fc.constant([]),
      )
      .chain(([all, again]) =>
        fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
      ),
  }),
);

test("any interleaving of duplicates and reorderings ends in the same documents", () => {
  fc.assert(
    fc.property(arrival, ({ writes, order }) => {
      const inOrder = new DocumentCache();
      for (const version of writes) {
        expect(inOrder.apply(version)).toBe(true);
      }
      const anyhow = new DocumentCache();
      for (const version of order) {
        const before = anyhow.documents();
        if (!anyhow.apply(version)) {
          expect(anyhow.documents()).toBe(before);
        }
      }
      expect(plain(anyhow.documents())).toEqual(plain(inOrder.documents()));
      expect(new Set(anyhow.versions())).toEqual(new Set(inOrder.versions()));
    }),
    { numRuns: 1_000 },
  );
});

test("a tombstone keeps older versions out, a replacement forgets it", () => {
  const cache = new DocumentCache();
  const base = { topic: "t", docKey: "a", payloadHash: "", watermark: 1n };
  const first: Version = { ...base, docVersion: 1n, deleted: false, payload: {} };
  cache.apply({ ...base, docVersion: 2n, deleted: true, payload: null });
  expect(cache.apply(first)).toBe(false);
  expect(cache.documents()).toEqual([]);
  cache.replace([first]);
  expect(cache.documents()).toEqual([first]);
});

test("after any change the documents are those that stand, by key", () => {
  const key = fc.nat(199).map((number) => String(number).padStart(3, "0"));
  const write = fc.record({ key, deleted: fc.boolean() });
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 8 }), { maxLength: 20 }), (batches) => {
      const cache = new DocumentCache();
      let watermark = 0n;
      const version = ({ key: docKey, deleted }: { key: string; deleted: boolean }): Version => {
        watermark++;
        const payload = deleted ? null : {};
        return {
          ...{ topic: "t", docKey, docVersion: watermark, watermark, payloadHash: "" },
          deleted,
          payload,
        };
      };
      // So many that a few changes are put into place one by one.
      const keys = Array.from({ length: 150 }, (_, number) => String(number).padStart(3, "0"));
      cache.replace(keys.map((each) => version({ key: each, deleted: false })));
      for (const batch of batches) {
        const before = cache.documents();
        const copy = [...before];
        for (const each of batch) {
          cache.apply(version(each));
        }
        const standing = cache.versions().filter(({ deleted }) => !deleted);
        expect(cache.documents()).toEqual(
          standing.sort((one, other) => (one.docKey < other.docKey ? -1 : 1)),
        );
        expect(before).toEqual(copy);
      }
    }),
    { numRuns: 200 },
  );
});
