/** Parts of a topic: nothing else is shown, nothing else is sent, and nothing of them is missed. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { binaryLane } from "../src/binary.js";
import {
  asyncStorageStore,
  indexedDbStore,
  type KhalaClientOptions,
  type KhalaStore,
  type KhalaTopic,
  type TopicFilter,
} from "../src/index.js";
import { connect, type Database, killRelay, openDatabase, token } from "./harness/server.js";
import { openSqlite } from "./harness/sqlite.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live, plain, status, topicStatus } from "./harness/waiting.js";

const SOON = { timeoutMs: 10_000 };
const LANES: [string, Pick<KhalaClientOptions, "lane">][] = [
  ["JSON", {}],
  ["binary", { lane: binaryLane }],
];

const keysOf = (topic: KhalaTopic) => topic.getSnapshot().map(({ docKey }) => docKey);

/** Writes version 1 of documents with these keys; the last watermark. */
async function writeAll(database: Database, topic: string, keys: Iterable<string>, version = 1) {
  let watermark: string | null = null;
  for (const key of keys) {
    watermark = await database.write(topic, key, version, { key, version });
  }
  return watermark;
}

/** A WebSocket whose open ones are counted, and which keeps what the server said. */
function counted() {
  const open = new Set<WebSocket>();
  const heard: string[] = [];
  class Counted extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      open.add(this);
      this.on("close", () => open.delete(this));
      // Text messages and binary ones alike.
      this.on("message", (data) => heard.push(Buffer.from(data as Buffer).toString()));
    }
  }
  return { open, heard, WebSocket: Counted as never };
}

describe.each(LANES)("%s", (_, lane) => {
  test("a prefix and keys: what is there, every change, and nothing else on the wire", async () => {
    const database = await openDatabase();
    const name = await database.topic();
    await writeAll(database, name, ["c/1/a", "c/1/b", "c/10/other", "c/2/a", "d", "other"]);
    const { heard, WebSocket } = counted();
    const fetched: string[] = [];
    const options = {
      ...lane,
      token: token([name]),
      WebSocket,
      fetch: async (url: string, init: RequestInit) => {
        const response = await fetch(url, init);
        fetched.push(await response.clone().text());
        return response;
      },
    } as never;
    for (const [filter, wanted, others] of [
      [
        { prefix: "c/1/" },
        ["c/1/a", "c/1/b", "c/1/new"],
        ["c/10/other", "c/2/other", "other", "c/1-other"],
      ],
      [
        { keys: ["d", "c/2/a", "later"] },
        ["c/2/a", "d", "later"],
        ["c/10/other", "c/2/a/other", "dother"],
      ],
    ] as const) {
      const version = heard.length + 10;
      const khala = connect(options);
      const topic = khala.topic(name, filter);
      await live(topic);
      await writeAll(database, name, wanted, version);
      const watermark = await writeAll(database, name, others, version);
      await topic.waitFor(watermark, SOON);
      expect(keysOf(topic)).toEqual(wanted);
      expect(topic.getSnapshot().every(({ docVersion }) => docVersion === BigInt(version))).toBe(
        true,
      );
      const removed = documents(topic, (found) => found.length === wanted.length - 1);
      await database.remove(name, wanted[0], version + 1);
      await removed;
      await khala.close();
      expect([...heard, ...fetched].filter((text) => text.includes("other"))).toEqual([]);
      expect(heard.some((text) => text.includes(wanted[0]))).toBe(true);
      heard.length = fetched.length = 0;
    }
  });

  test("random writes, owners, pointers, offline times and purges end as the database says", {
    timeout: 120_000,
  }, async () => {
    const database = await openDatabase();
    const name = await database.topic();
    const khala = connect({ ...lane, token: token([name]) });
    const parts: [TopicFilter, (key: string) => boolean][] = [
      [{ prefix: "a/" }, (key) => key.startsWith("a/")],
      [{ prefix: "a" }, (key) => key.startsWith("a")],
      [{ keys: ["a/1", "b", "é/%"] }, (key) => ["a/1", "b", "é/%"].includes(key)],
    ];
    const topics = parts.map(([filter]) => khala.topic(name, filter));
    await Promise.all(topics.map(live));
    let version = 0;
    const step = fc.record({
      kind: fc.constantFrom("write", "write", "write", "large", "remove", "offline", "purge"),
      key: fc.constantFrom("a", "a/1", "a/2", "a/%", "b", "b/1", "é/%"),
      org: fc.constantFrom("acme", "acme", null, "other"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        for (const { kind, key, org } of steps) {
          version++;
          if (kind === "offline") {
            khala.disconnect();
          } else if (kind === "purge") {
            await database.purge(name);
          } else if (kind === "remove") {
            await database.remove(name, key, version, org);
          } else {
            const fill = kind === "large" ? "ü".repeat(140_000) : "";
            await database.sink(name, key, version, { version, fill }, org);
          }
        }
        khala.connect();
        await khala.sync();
        const { rows } = await database.client.query(
          `SELECT doc_key AS key, doc_version AS version, payload FROM runtime.sync_documents
           WHERE topic = $1 AND NOT deleted AND (org_id IS NULL OR org_id = 'acme')
           ORDER BY doc_key COLLATE "C"`,
          [name],
        );
        for (const [index, [, isWithin]] of parts.entries()) {
          expect(plain(topics[index]?.getSnapshot() ?? [])).toEqual(
            rows.filter(({ key }) => isWithin(key)),
          );
        }
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  test("a token narrowed to a prefix shows that, and filters within it", async () => {
    const database = await openDatabase();
    const name = await database.topic();
    await writeAll(database, name, ["c/1/a", "c/1/b/x", "c/2/a"]);
    const errors: string[] = [];
    const khala = connect({
      ...lane,
      token: token([`${name}/c/1/`]),
      onError: ({ code }) => errors.push(code),
    });
    const all = khala.topic(name);
    const within = khala.topic(name, { prefix: "c/1/b/" });
    await Promise.all([live(all), live(within)]);
    await writeAll(database, name, ["c/1/c", "c/1/b/y", "c/2/b"]);
    await khala.sync(SOON);
    expect(keysOf(all)).toEqual(["c/1/a", "c/1/b/x", "c/1/b/y", "c/1/c"]);
    expect(keysOf(within)).toEqual(["c/1/b/x", "c/1/b/y"]);
    expect(errors).toEqual([]);
    for (const filter of [{ prefix: "c/" }, { keys: ["c/2/a"] }, { prefix: "c/2/", newest: 5 }]) {
      const beyond = khala.topic(name, filter);
      const leave = beyond.subscribe(() => {});
      const { error } = await topicStatus(beyond, ({ phase }) => phase === "error");
      expect(error?.code).toBe("forbidden_topic");
      expect(beyond.getSnapshot()).toEqual([]);
      leave();
    }
  });

  test("the newest: first those that changed last, then as changes and deletions come", async () => {
    const database = await openDatabase();
    const name = await database.topic();
    await writeAll(database, name, ["x", "a/1", "a/2", "a/3", "a/4", "a/5", "y"]);
    await writeAll(database, name, ["a/1"], 2);
    const khala = connect({ ...lane, token: token([name]) });
    const topic = khala.topic(name, { newest: 3, prefix: "a/" });
    const shown = async (...keys: string[]) => {
      await khala.sync(SOON);
      await documents(topic, () => keysOf(topic).join() === keys.join());
    };
    await live(topic);
    await shown("a/1", "a/5", "a/4");
    expect(topic.getSnapshot()).toBe(topic.getSnapshot());
    await writeAll(database, name, ["a/2", "z", "a/6"], 3);
    await shown("a/6", "a/2", "a/1");
    // What follows takes the place of a deleted one, known or not.
    for (const key of ["a/6", "a/2", "a/1", "a/5"]) {
      await database.remove(name, key, 9);
    }
    await shown("a/4", "a/3");
    await writeAll(database, name, ["a/7", "a/8"]);
    await shown("a/8", "a/7", "a/4");
    // Far more than are shown, then all of them gone.
    const many = Array.from({ length: 40 }, (_, n) => `a/many ${n}`);
    await writeAll(database, name, many);
    await shown("a/many 39", "a/many 38", "a/many 37");
    for (const key of many) {
      await database.remove(name, key, 2);
    }
    await shown("a/8", "a/7", "a/4");
    await topicStatus(topic, ({ phase }) => phase === "live");
  });
});

test("a thousand long keys, of which a URL takes a few", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const keys = Array.from({ length: 1_000 }, (_, n) => `${"ключ ".repeat(20)}${1_000 + n}`);
  const all = keys.map((doc_key) => ({ doc_key, doc_version: 1, payload: {}, org_id: "acme" }));
  await database.value("SELECT count(*) FROM khala.sink_batch($1, $2)", name, JSON.stringify(all));
  await database.sink(name, "another", 1, {});
  const urls: string[] = [];
  const topic = connect({
    token: token([name]),
    fetch: (url, init) => {
      urls.push(String(url));
      return fetch(url, init);
    },
  }).topic(name, { keys });
  await live(topic);
  expect(keysOf(topic)).toEqual(keys);
  expect(Math.max(...urls.map(({ length }) => length))).toBeLessThan(5_000);
});

test("a part goes on after a relay that died, and after a stale cursor", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await writeAll(database, name, ["a/1", "a/gone", "b"]);
  const stale: (string | null)[] = [];
  const khala = connect({
    token: token([name]),
    onStaleCursor: ({ reason }) => {
      stale.push(reason);
    },
  });
  const topic = khala.topic(name, { prefix: "a/" });
  await live(topic);
  const away = status(khala, ({ state }) => state !== "connected");
  killRelay();
  await away;
  await topic.waitFor(await writeAll(database, name, ["a/2", "b/2"]));
  expect(keysOf(topic)).toEqual(["a/1", "a/2", "a/gone"]);

  khala.disconnect();
  await database.remove(name, "a/gone", 2);
  await writeAll(database, name, ["a/1", "a/3", "b"], 2);
  await database.purge(name);
  khala.connect();
  await khala.sync();
  expect(stale).toEqual(["below_floor"]);
  const authority = await database.documents(name);
  expect(plain(topic.getSnapshot())).toEqual(authority.filter(({ key }) => key.startsWith("a/")));
  expect(keysOf(topic)).toEqual(["a/1", "a/2", "a/3"]);
});

const directory = mkdtempSync(join(tmpdir(), "khala-filters-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const STORES: [string, () => () => KhalaStore][] = [
  [
    "key-value",
    () => {
      const values = new Map<string, string>();
      return () => asyncStorageStore(mapStorage(values));
    },
  ],
  [
    "IndexedDB",
    () => {
      globalThis.indexedDB = new IDBFactory();
      return () => indexedDbStore();
    },
  ],
  ["SQLite", () => () => openSqlite(join(directory, "one.db"))],
];

test.each(STORES)("a %s store keeps the parts of a topic apart", async (_, share) => {
  const database = await openDatabase();
  const name = await database.topic();
  await writeAll(database, name, ["a/1", "a/2", "b/1", "b/2"]);
  const open = share();
  const filters: (TopicFilter | undefined)[] = [
    undefined,
    { prefix: "a/" },
    { prefix: "b/" },
    { keys: ["a/1", "b/1"] },
    { newest: 1 },
    { newest: 1, prefix: "a/" },
  ];
  const expected = ["a/1,a/2,b/1,b/2", "a/1,a/2", "b/1,b/2", "a/1,b/1", "b/2", "a/2"];
  const first = connect({ token: token([name]), store: open() });
  const topics = filters.map((filter) => first.topic(name, filter));
  await Promise.all(topics.map(live));
  expect(topics.map((topic) => keysOf(topic).join())).toEqual(expected);
  // One of them goes on, and the others stay where they are.
  for (const topic of topics.slice(2)) {
    expect(topic.getStatus().watermark).toBe(4n);
  }
  await first.close();

  const second = connect({ token: token([name]), store: open() });
  const alone = second.topic(name, { prefix: "a/" });
  await live(alone);
  await alone.waitFor(await writeAll(database, name, ["b/1", "a/3"], 2), SOON);
  await second.close();

  const third = connect({ token: token([name]), store: open() });
  third.disconnect();
  const again = filters.map((filter) => third.topic(name, filter));
  const stored = await Promise.all(again.map((topic) => documents(topic, () => true)));
  expect(stored.map((all) => all.map(({ docKey }) => docKey).join())).toEqual(
    expected.map((keys, index) => (index === 1 ? "a/1,a/2,a/3" : keys)),
  );
  expect(stored.flat().every(({ topic }) => topic === name)).toBe(true);
  expect(again.map((topic) => topic.getStatus().watermark)).toEqual([4n, 6n, 4n, 4n, 4n, 4n]);
  // Each from its own cursor.
  third.connect();
  await third.sync(SOON);
  expect(again.map((topic) => keysOf(topic).join())).toEqual([
    "a/1,a/2,a/3,b/1,b/2",
    "a/1,a/2,a/3",
    "b/1,b/2",
    "a/1,b/1",
    "a/3",
    "a/3",
  ]);
});

test("a store of the newest does not grow with what was once among them", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const store = asyncStorageStore(mapStorage());
  const kept: number[] = [];
  const khala = connect({
    token: token([name]),
    store: {
      ...store,
      commit: async (commit) => {
        const isDone = await store.commit(commit);
        kept.push((await store.load(commit.topic))?.versions.length ?? 0);
        return isDone;
      },
    },
  });
  const topic = khala.topic(name, { newest: 5 });
  await live(topic);
  for (let n = 0; n < 60; n++) {
    await topic.waitFor(await database.write(name, `d${n}`, 1, { n }), SOON);
  }
  await khala.flush();
  expect(keysOf(topic)).toEqual(["d59", "d58", "d57", "d56", "d55"]);
  expect(Math.max(...kept)).toBeLessThanOrEqual(11);
  expect(kept.at(-1)).toBeGreaterThanOrEqual(5);
});

test("one of the newest that was deleted in the last moment has its place taken at the next start", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await writeAll(database, name, ["a", "b", "c"]);
  const values = new Map<string, string>();
  const storage = mapStorage(values);
  const first = connect({ token: token([name]), store: asyncStorageStore(storage) });
  await live(first.topic(name, { newest: 2 }));
  await first.close();
  // What a client has saved that saw the deletion, and was ended before it had read the document.
  const place = [...values.keys()].find((key) => key.startsWith(`khala:${name}?`)) as string;
  const saved = JSON.parse(values.get(place) as string);
  const [rows, after] = [saved.rows as unknown[][], String(BigInt(saved.watermark) + 1n)];
  await database.remove(name, "c", 2);
  const tombstone = ["c", "2", after, "", 0];
  saved.rows = rows.map((row) => (row[0] === "c" ? tombstone : row));
  values.set(place, JSON.stringify({ ...saved, watermark: after }));
  const second = connect({ token: token([name]), store: asyncStorageStore(storage) });
  const topic = second.topic(name, { newest: 2 });
  await documents(topic, () => keysOf(topic).join() === "b,a");
});

test("several parts of one topic at once: a connection each, as long as they are followed", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const other = await database.topic();
  await writeAll(database, name, ["a/1", "b/1"]);
  const { open, WebSocket } = counted();
  const khala = connect({ token: token([name, other]), WebSocket });
  const [all, a, b] = [undefined, { prefix: "a/" }, { prefix: "b/" }].map((filter) =>
    khala.topic(name, filter),
  ) as [KhalaTopic, KhalaTopic, KhalaTopic];
  expect(khala.topic(name, { prefix: "" })).toBe(all);
  expect(khala.topic(name, { prefix: "a/" })).toBe(a);
  expect(khala.topic(name, { keys: ["b", "a", "b"] })).toBe(
    khala.topic(name, { keys: ["a", "b"] }),
  );
  expect(khala.topic(name, { newest: 2 })).not.toBe(khala.topic(name, { newest: 3 }));

  const leaves = [all, a, b, khala.topic(other)].map((topic) => topic.subscribe(() => {}));
  await khala.sync(SOON);
  expect(open.size).toBe(3);
  await writeAll(database, name, ["a/2", "b/2"]);
  await khala.sync(SOON);
  expect([all, a, b].map((topic) => keysOf(topic).join())).toEqual([
    "a/1,a/2,b/1,b/2",
    "a/1,a/2",
    "b/1,b/2",
  ]);
  // The program's word counts for all of them.
  khala.disconnect();
  await writeAll(database, name, ["a/3", "b/3"]);
  khala.connect();
  await khala.sync(SOON);
  expect([all, a, b].map((topic) => topic.getSnapshot().length)).toEqual([6, 3, 3]);

  for (const leave of leaves.slice(0, 3)) {
    leave();
  }
  await Promise.all([all, a, b].map((topic) => topicStatus(topic, (now) => now.phase === "idle")));
  await expect.poll(() => open.size, { timeout: 10_000 }).toBe(1);
  expect(khala.topic(other).getStatus().phase).toBe("live");

  // One after the other, as a user goes from page to page, stays on the one connection.
  let leave = a.subscribe(() => {});
  for (const topic of [b, all, a, b]) {
    await topicStatus(khala.topic(other), ({ phase }) => phase === "live");
    leave();
    leave = topic.subscribe(() => {});
    await topicStatus(topic, ({ phase }) => phase === "live");
    expect(open.size).toBe(1);
  }
});

test("a part that is not followed, and that nobody holds, is let go", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await writeAll(database, name, ["a/1", "b/1", "c/1"]);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const store = asyncStorageStore(mapStorage());
  const khala = connect({ token: token([name]), store });
  const held = khala.topic(name, { prefix: "c/" });
  const { getStatus } = khala.topic(name, { prefix: "b/" });
  const visit = async (prefix: string) => {
    const topic = khala.topic(name, { prefix });
    const leave = topic.subscribe(() => {});
    await topic.waitFor(3, SOON);
    leave();
    await topicStatus(topic, ({ phase }) => phase === "idle");
    return new WeakRef(topic);
  };
  const visited = [await visit("a/"), await visit("b/"), await visit("c/")];
  await live(khala.topic(name));
  await khala.flush();
  await expect
    .poll(
      () => {
        collect();
        return visited.map((topic) => topic.deref() !== undefined);
      },
      { timeout: 20_000 },
    )
    .toEqual([false, true, true]);
  expect(khala.topic(name, { prefix: "c/" })).toBe(held);
  expect(khala.topic(name, { prefix: "b/" }).getStatus).toBe(getStatus);
  // It comes back from the store.
  khala.disconnect();
  const again = await documents(khala.topic(name, { prefix: "a/" }), (all) => all.length > 0);
  expect(plain(again)).toEqual([{ key: "a/1", version: "1", payload: { key: "a/1", version: 1 } }]);
});

test("a token of the same organisation and another prefix: neither shown nor missed", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await writeAll(database, name, ["c/1/a", "c/2/a"]);
  const store = { ...asyncStorageStore(mapStorage()), close: async () => {} };
  const follow = async (scope: string) => {
    const khala = connect({ token: token([scope]), store });
    const topic = khala.topic(name);
    await live(topic);
    const keys = keysOf(topic);
    await khala.close();
    return keys;
  };
  expect(await follow(`${name}/c/1/`)).toEqual(["c/1/a"]);
  expect(await follow(`${name}/c/2/`)).toEqual(["c/2/a"]);
  expect(await follow(name)).toEqual(["c/1/a", "c/2/a"]);
  expect(await follow(`${name}/c/1/`)).toEqual(["c/1/a"]);
});

test("a new token of another prefix changes what is shown", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await writeAll(database, name, ["c/1/a", "c/2/a"]);
  let scope = `${name}/c/1/`;
  const khala = connect({ token: () => token([scope], { ttlSeconds: 3 }) });
  const topic = khala.topic(name);
  await live(topic);
  expect(keysOf(topic)).toEqual(["c/1/a"]);
  scope = `${name}/c/2/`;
  await documents(topic, ([one]) => one?.docKey === "c/2/a");
  expect(keysOf(topic)).toEqual(["c/2/a"]);
  scope = name;
  await documents(topic, (all) => all.length === 2);
});

test("filters that are none", async () => {
  const khala = connect({ token: token([]) });
  for (const newest of [0, -1, 1.5, Number.NaN]) {
    expect(() => khala.topic("t", { newest })).toThrow(expect.objectContaining({ code: "usage" }));
  }
  expect(() => khala.topic("t", { keys: [] })).toThrow(
    expect.objectContaining({ code: "usage", message: expect.stringContaining("keys is empty") }),
  );
  const database = await openDatabase();
  const name = await database.topic();
  const errors: string[] = [];
  const topic = connect({ token: token([name]), onError: ({ code }) => errors.push(code) }).topic(
    name,
    { keys: Array.from({ length: 1_001 }, (_, n) => `k${n}`) },
  );
  topic.subscribe(() => {});
  const { error } = await topicStatus(topic, ({ phase }) => phase === "error");
  expect(error?.code).toBe("bad_subscription");
});
