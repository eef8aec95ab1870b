/** Every store: what it takes it gives back, and several writers cannot tear it. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  asyncStorageStore,
  type Cursor,
  indexedDbStore,
  type KhalaStore,
  localStorageStore,
  type Stored,
} from "../src/index.js";
import { DocumentCache, type Version } from "../src/topics/cache.js";
import { Saver } from "../src/topics/saver.js";
import { openSqlite } from "./harness/sqlite.js";
import { mapStorage } from "./harness/storage.js";

const directory = mkdtempSync(join(tmpdir(), "khala-stores-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Opens the same storage again and again, as tabs do. */
type Share = () => () => KhalaStore;

let files = 0;
const shares: Record<string, Share> = {
  AsyncStorage: () => {
    const values = new Map<string, string>();
    return () => asyncStorageStore(mapStorage(values));
  },
  localStorage: () => {
    const values = new Map<string, string>();
    globalThis.localStorage = {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => void values.set(key, value),
      removeItem: (key: string) => void values.delete(key),
    } as Storage;
    return () => localStorageStore();
  },
  IndexedDB: () => {
    globalThis.indexedDB = new IDBFactory();
    return () => indexedDbStore();
  },
  SQLite: () => {
    const path = join(directory, `${files++}.db`);
    return () => openSqlite(path);
  },
};

const at = (watermark: bigint, epoch = "e1", org = "acme"): Cursor => ({ watermark, epoch, org });
const doc = (docKey: string, docVersion: bigint, watermark: bigint, payload = true): Version => ({
  topic: "t",
  docKey,
  docVersion,
  watermark,
  payloadHash: payload ? `hash ${docVersion}` : "",
  deleted: !payload,
  payload: payload ? { docVersion: String(docVersion), text: "ü\u{1f600}" } : null,
});
const sorted = (stored: Stored | null) =>
  stored && {
    ...stored,
    versions: [...stored.versions].sort((one, other) => (one.docKey < other.docKey ? -1 : 1)),
  };

describe.each(Object.keys(shares))("%s", (name) => {
  const share = shares[name] as Share;
  let open: () => KhalaStore;
  beforeAll(() => {
    open = share();
  });

  test("gives back what it took, also beyond 2^53, and forgets it when told", async () => {
    const store = open();
    expect(await store.load("t")).toBeNull();
    const big = 2n ** 60n;
    const versions = [doc("a", big, big + 1n), doc("b", 1n, 2n, false)];
    const cursor = at(big + 2n);
    expect(await store.commit({ topic: "t", base: null, versions, cursor, force: false })).toBe(
      true,
    );
    await store.close();
    const again = open();
    expect(sorted(await again.load("t"))).toEqual({ cursor, versions });
    expect(await again.load("other")).toBeNull();
    await again.clear();
    expect(await again.load("t")).toBeNull();
    await again.close();
  });

  test("takes and gives back more documents than one task reads or writes", async () => {
    const store = open();
    const keys = Array.from({ length: 1_201 }, (_, number) => `key ${10_000 + number}`);
    const versions = keys.map((key, number) => doc(key, 1n, BigInt(number + 1)));
    const first = at(2_000n);
    const commit = (base: Cursor | null, cursor: Cursor, some: Version[]) =>
      store.commit({ topic: "t", base, cursor, versions: some, force: false });
    expect(await commit(null, first, versions)).toBe(true);
    // Of another topic, whose keys stand beside.
    const other = { ...doc("key 10600", 1n, 1n), topic: "t2" };
    await store.commit({ topic: "t2", base: null, cursor: first, versions: [other], force: false });
    const changed = versions.map(({ docKey }, number) => doc(docKey, 2n, BigInt(2_001 + number)));
    expect(await commit(first, at(9_000n), changed)).toBe(true);
    const parts: Version[] = [];
    const stored = await store.load("t", (part) => parts.push(...part));
    expect(sorted(stored)).toEqual({ cursor: at(9_000n), versions: changed });
    if (name === "IndexedDB") {
      expect(parts).toEqual(changed);
    }
    await store.load("none", (part) => parts.push(...part));
    expect(parts.length % changed.length).toBe(0);
    await store.clear();
    await store.close();
  });

  test("merges by version, refuses steps from elsewhere, and never goes back by itself", async () => {
    const store = open();
    const commit = (base: Cursor | null, cursor: Cursor, versions: Version[], force = false) =>
      store.commit({ topic: "t", base, cursor, versions, force });
    expect(await commit(at(5n), at(6n), [])).toBe(false);
    expect(await commit(null, at(5n), [doc("a", 2n, 5n)])).toBe(true);
    expect(await commit(at(5n), at(8n), [doc("b", 1n, 8n)])).toBe(true);
    // Another tab is behind: nothing of it is news.
    expect(await commit(at(5n), at(7n), [doc("a", 2n, 4n)])).toBe(true);
    expect(await commit(null, at(6n), [doc("a", 1n, 1n)])).toBe(true);
    expect(sorted(await store.load("t"))).toEqual({
      cursor: at(8n),
      versions: [doc("a", 2n, 5n), doc("b", 1n, 8n)],
    });
    // A step from a watermark, an epoch or an organisation that is not there.
    expect(await commit(at(9n), at(10n), [])).toBe(false);
    expect(await commit(at(5n, "e2"), at(10n, "e2"), [])).toBe(false);
    expect(await commit(at(5n, "e1", "other"), at(10n, "e1", "other"), [])).toBe(false);
    // A snapshot of another epoch, and one that says that the watermark is wrong.
    expect(await commit(null, at(3n, "e2"), [doc("c", 1n, 3n)])).toBe(true);
    expect(await commit(null, at(2n, "e2"), [doc("d", 1n, 2n)], true)).toBe(true);
    expect(await store.load("t")).toEqual({ cursor: at(2n, "e2"), versions: [doc("d", 1n, 2n)] });
    await store.close();
  });

  test("a document that was fetched ahead of the watermark stays when a tab brings an older one", async () => {
    const store = open();
    const topic = "ahead";
    const commit = (base: Cursor | null, cursor: Cursor, version: Version) =>
      store.commit({ topic, base, cursor, versions: [{ ...version, topic }], force: false });
    const ahead = doc("a", 3n, 9n);
    await commit(null, at(5n), ahead);
    expect(await commit(at(5n), at(6n), doc("a", 2n, 6n))).toBe(true);
    expect(await store.load(topic)).toEqual({ cursor: at(6n), versions: [{ ...ahead, topic }] });
    await store.close();
  });

  test("any interleaving of tabs: what is stored is a state that the server had", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (chosen) => {
        const openShared = share();
        // Drivers that wait for a lock hold up the whole thread: one connection a process.
        const only = name === "SQLite" ? openShared() : null;
        const tabs = Array.from({ length: 3 }, () => new Tab(only ?? openShared()));
        for (const step of chosen) {
          await tabs[step.tab]?.take(step);
        }
        await Promise.all(tabs.map((tab) => tab.saver.flush()));
        const stored = await (only ?? openShared()).load("t");
        expect(stored === null).toBe(tabs.every((tab) => tab.cursor === null));
        if (stored === null) {
          return;
        }
        const { cursor, versions } = stored;
        // Everything up to the watermark is there, unless something newer is; of one epoch only.
        for (const expected of serverState(cursor)) {
          const found = versions.find(({ docKey }) => docKey === expected.docKey);
          expect(found ? found.watermark >= expected.watermark : expected.deleted).toBe(true);
        }
        expect(versions.filter(({ payloadHash }) => payloadHash !== cursor.epoch)).toEqual([]);
        for (const tab of tabs) {
          tab.saver.stop();
        }
        await only?.close();
      }),
      { numRuns: name === "SQLite" ? 50 : 300 },
    );
  });
});

interface Step {
  readonly tab: number;
  readonly kind: "follow" | "snapshot" | "save" | "restart";
  readonly epoch: "e1" | "e2";
  readonly by: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    tab: fc.nat(2),
    kind: fc.constantFrom("follow", "follow", "snapshot", "save", "restart"),
    epoch: fc.constantFrom("e1", "e1", "e1", "e2"),
    by: fc.integer({ min: 1, max: 6 }),
  }),
  { minLength: 1, maxLength: 60, size: "max" },
);

/** The server's history: update number n of an epoch writes document n % 4, or deletes it. */
function update(n: bigint, epoch: string): Version {
  return { ...doc(`d${n % 4n}`, n, n, n % 3n > 0n), payloadHash: epoch };
}

function serverState({ watermark, epoch }: Cursor): Version[] {
  const cache = new DocumentCache();
  for (let n = 1n; n <= watermark; n++) {
    cache.apply(update(n, epoch));
  }
  return cache.versions();
}

test("a save that fails after the end of saving is not tried again: nothing keeps the process", async () => {
  vi.useFakeTimers();
  try {
    const failures: ((error: Error) => void)[] = [];
    const commit = () => new Promise<boolean>((_done, failed) => failures.push(failed));
    const tab = new Tab({ load: async () => null, commit, close: async () => {} } as never);
    await tab.take({ tab: 0, kind: "snapshot", epoch: "e1", by: 1 });
    const saving = tab.saver.flush();
    await vi.waitFor(() => expect(failures).toHaveLength(1));
    tab.saver.stop();
    failures[0]?.(new Error("no storage"));
    await expect(saving).rejects.toMatchObject({ code: "store" });
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

/** A tab: what a follower does with its replica and its saver, without a server. */
class Tab {
  cache = new DocumentCache();
  cursor: Cursor | null = null;
  saver: Saver;

  constructor(readonly store: KhalaStore) {
    this.saver = this.#newSaver();
  }

  async take({ kind, epoch, by }: Step): Promise<void> {
    if (kind === "save") {
      // Not waited for: the next steps come while it is under way.
      void this.saver.flush();
    } else if (kind === "restart") {
      this.saver.stop();
      await this.saver.flush();
      this.saver = this.#newSaver();
      const stored = await this.saver.load();
      this.cache = new DocumentCache();
      this.cache.replace(stored?.versions ?? []);
      this.cursor = stored?.cursor ?? null;
    } else if (kind === "snapshot" || this.cursor === null) {
      this.cursor = at(BigInt(by * 3), epoch);
      this.cache.replace(serverState(this.cursor).filter(({ deleted }) => !deleted));
      this.saver.replaced(false);
    } else {
      const from = this.cursor;
      const versions = Array.from({ length: by }, (_, n) =>
        update(from.watermark + BigInt(n + 1), from.epoch),
      );
      const applied = versions.filter((version) => this.cache.apply(version));
      this.cursor = { ...from, watermark: from.watermark + BigInt(by) };
      this.saver.moved(applied);
    }
  }

  #newSaver(): Saver {
    const onError = (error: unknown) => {
      throw error;
    };
    return new Saver("t", { store: this.store, saveEveryMs: 1e9, onError }, this as never);
  }
}
