/** Cursors that cannot be resumed from: purged history, another epoch, another organisation. */

import { expect, onTestFinished, test } from "vitest";
import type { Cursor, KhalaStore, StaleTopic, Stored } from "../src/index.js";
import { asyncStorageStore, memoryStore } from "../src/index.js";
import type { OnPart } from "../src/stores/store.js";
import type { Version } from "../src/topics/cache.js";
import { Prompted } from "./harness/prompted.js";
import { connect, type Database, openDatabase, token } from "./harness/server.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live, plain, topicStatus } from "./harness/waiting.js";

test("a cursor below the floor: told, then a snapshot, then live", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const stale: StaleTopic[] = [];
  const khala = connect({
    token: token([name]),
    onStaleCursor: (one) => {
      stale.push(one);
    },
  });
  const topic = khala.topic(name);
  await live(topic);
  await database.sink(name, "a", 1, { n: 1 });
  await database.sink(name, "gone", 1, { n: 1 });
  await documents(topic, (found) => found.length === 2);
  khala.disconnect();
  await database.remove(name, "gone", 2);
  for (let n = 2; n < 10; n++) {
    await database.sink(name, "a", n, { n });
  }
  await database.purge(name);
  await database.sink(name, "b", 1, { n: 1 });
  khala.connect();
  await documents(topic, (found) => found.length === 2 && found[1]?.docKey === "b");
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));
  expect(stale).toEqual([
    expect.objectContaining({ topic: name, resumeAfter: 2n, reason: "below_floor" }),
  ]);
  await topicStatus(topic, ({ phase }) => phase === "live");
  await database.sink(name, "c", 1, { n: 1 });
  await documents(topic, (found) => found.length === 3);
});

test("a new epoch reaches a live subscription", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const reasons: (string | null)[] = [];
  const topic = connect({
    token: token([name]),
    onStaleCursor: ({ reason }) => {
      reasons.push(reason);
    },
  }).topic(name);
  await live(topic);
  await database.sink(name, "a", 1, { n: 1 });
  await documents(topic, (found) => found.length === 1);
  const recovering = topicStatus(topic, ({ phase }) => phase === "recovering");
  await database.value("SELECT khala.new_epoch()");
  await recovering;
  await topicStatus(topic, ({ phase }) => phase === "live");
  expect(reasons).toEqual(["epoch_changed"]);
  await database.sink(name, "a", 2, { n: 2 });
  await documents(topic, ([one]) => one?.docVersion === 2n);
});

test("a stored cursor ahead of the server is overwritten, not resumed from", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, { n: 1 });
  const storage = mapStorage();
  const first = connect({ token: token([name]), store: asyncStorageStore(storage) });
  await live(first.topic(name));
  await first.flush();
  first.disconnect();
  const store = asyncStorageStore(storage);
  const stored = (await store.load(name)) as Stored;
  const ahead: Cursor = { ...stored.cursor, watermark: 1_000n };
  await store.commit({ topic: name, base: null, cursor: ahead, versions: [], force: true });

  const reasons: (string | null)[] = [];
  const second = connect({
    token: token([name]),
    store: asyncStorageStore(storage),
    onStaleCursor: ({ reason }) => {
      reasons.push(reason);
    },
  });
  await live(second.topic(name));
  expect(reasons).toEqual(["cursor_ahead"]);
  expect(plain(second.topic(name).getSnapshot())).toEqual(await database.documents(name));
  await second.flush();
  expect((await store.load(name))?.cursor.watermark).toBe(1n);
});

test("documents of one organisation are not shown to another", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "ours", 1, { n: 1 }, "acme");
  await database.sink(name, "theirs", 1, { n: 1 }, "other");
  const store = asyncStorageStore(mapStorage());
  let org = "acme";
  const khala = connect({ token: () => token([name], { org }), store });
  const topic = khala.topic(name);
  await documents(topic, ([one]) => one?.docKey === "ours");
  khala.disconnect();
  org = "other";
  khala.connect();
  const found = await documents(topic, ([one]) => one?.docKey === "theirs");
  expect(found.length).toBe(1);
  await khala.flush();
  expect((await store.load(name))?.versions.map(({ docKey }) => docKey)).toEqual(["theirs"]);
});

test("a store that fails is told, and what it missed is saved when it works again", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const inner = asyncStorageStore(mapStorage());
  let fails = true;
  const store: KhalaStore = {
    ...inner,
    commit: async (commit) => {
      if (fails) {
        throw new Error("the disk is full");
      }
      return inner.commit(commit);
    },
  };
  const errors: string[] = [];
  const khala = connect({
    token: token([name]),
    store,
    onError: ({ code }) => errors.push(code),
  });
  const topic = khala.topic(name);
  await live(topic);
  await database.sink(name, "a", 1, { n: 1 });
  await documents(topic, (found) => found.length === 1);
  await expect(khala.flush()).rejects.toMatchObject({ code: "store" });
  expect(await inner.load(name)).toBeNull();
  fails = false;
  await database.sink(name, "b", 1, { n: 1 });
  await documents(topic, (found) => found.length === 2);
  await khala.flush();
  expect((await inner.load(name))?.versions.length).toBe(2);
});

/** Changes a payload behind the engine's back: in the journal, in the read model, or in both. */
async function tamper(database: Database, topic: string, ...tables: string[]): Promise<void> {
  for (const table of tables) {
    await database.client.query(
      `UPDATE runtime.${table} SET payload = '{"n": 666}' WHERE topic = $1 AND doc_key = 'a'`,
      [topic],
    );
  }
}

test("a payload that is not what was announced is fetched again", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  khala.disconnect();
  await database.sink(name, "a", 1, { n: 1 });
  await tamper(database, name, "sync_stream_events");
  khala.connect();
  const [found] = await documents(topic, (all) => all.length === 1);
  expect(found?.payload).toEqual({ n: 1 });
});

test("a payload that nowhere is what was announced is not shown, the other documents are", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  khala.disconnect();
  await database.sink(name, "a", 1, { n: 1 });
  await tamper(database, name, "sync_stream_events", "sync_documents");
  khala.connect();
  const { error } = await topicStatus(topic, (now) => now.phase === "live" && now.error !== null);
  expect(error).toMatchObject({ code: "payload_hash_mismatch", details: { docKey: "a" } });
  await database.sink(name, "b", 1, { n: 1 });
  await documents(topic, (all) => all.length === 1 && all[0]?.docKey === "b");
  expect(topic.getStatus().watermark).toBe(0n);
  // Put right: everything is there.
  await database.sink(name, "a", 2, { n: 2 });
  await documents(topic, ([one]) => one?.docVersion === 2n);
  await topicStatus(topic, (now) => now.watermark === 3n && now.error === null);
});

test.each([
  ["topics", "internal"],
  ["topics", "payload_too_large"],
  ["forbidden_topics", "forbidden_topic"],
  ["topics", "forbidden_topic"],
] as const)("a topic ended by the server, named in %s with %s", async (member, code) => {
  const database = await openDatabase();
  const name = await database.topic();
  const neighbour = await database.topic();
  const khala = connect({ token: token([name, neighbour]), WebSocket: Prompted as never });
  const topic = khala.topic(name);
  await live(topic);
  await live(khala.topic(neighbour));
  const ended = topicStatus(topic, ({ error }) => error !== null);
  Prompted.last?.say("sync:error", { code, message: "for a test", [member]: [name] });
  const { error, phase } = await ended;
  expect(error).toMatchObject({ code, details: { topics: [name] } });
  if (code === "internal") {
    expect(phase).toBe("waiting");
  } else {
    expect(phase).toBe("error");
    topic.subscribe(() => {});
  }
  await topicStatus(topic, ({ phase }) => phase === "live");
  expect(khala.topic(neighbour).getStatus().phase).toBe("live");
  expect(khala.getStatus()).toMatchObject({ state: "connected", attempt: 0 });
});

test("a new token that covers less ends the topics it does not cover", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const kept = await database.topic();
  let scopes = [name, kept];
  const khala = connect({ token: () => token(scopes, { ttlSeconds: 3 }) });
  await live(khala.topic(kept));
  await live(khala.topic(name));
  scopes = [kept];
  const { error } = await topicStatus(khala.topic(name), ({ phase }) => phase === "error");
  expect(error).toMatchObject({ code: "forbidden_topic", details: { topics: [name] } });
  expect(khala.topic(kept).getStatus().phase).toBe("live");
  await database.sink(kept, "a", 1, { n: 1 });
  await documents(khala.topic(kept), (found) => found.length === 1);
  expect(khala.getStatus().state).toBe("connected");
});

test("a new epoch between two pages of a snapshot: read again from the first", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const all = Array.from({ length: 1_100 }, (_, n) => ({
    doc_key: `d${String(n).padStart(4, "0")}`,
    doc_version: 1,
    payload: { n },
  }));
  await database.value("SELECT count(*) FROM khala.sink_batch($1, $2)", name, JSON.stringify(all));
  let firstPages = 0;
  let followingPages = 0;
  const stale: StaleTopic[] = [];
  const topic = connect({
    token: token([name]),
    fetch: async (url, init) => {
      if (!String(url).includes("after_doc_key")) {
        firstPages++;
      } else if (followingPages++ === 0) {
        await database.value("SELECT khala.new_epoch()");
      }
      return fetch(url, init);
    },
    onStaleCursor: (one) => {
      stale.push(one);
    },
  }).topic(name);
  await live(topic);
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));
  expect(firstPages).toBe(2);
  expect(stale).toEqual([]);
});

test("a server whose document is behind what it announced is asked until it is not", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const large = { fill: "x".repeat(300 * 1024) };
  const khala = connect({ token: token([name]), backoff: { baseMs: 1, capMs: 2 } });
  const topic = khala.topic(name);
  await live(topic);
  await database.sink(name, "a", 5, large);
  await documents(topic, (found) => found.length === 1);
  khala.disconnect();
  await database.sink(name, "a", 6, large);
  const shift = (by: number) =>
    database.client.query(
      `UPDATE runtime.sync_documents SET doc_version = doc_version + $2,
       watermark = watermark + $2 WHERE topic = $1`,
      [name, by],
    );
  await shift(-2);
  khala.connect();
  const { error } = await topicStatus(topic, (now) => now.error !== null);
  expect(error).toMatchObject({ code: "hydration_behind", details: { docKey: "a" } });
  expect(topic.get("a")?.docVersion).toBe(5n);
  expect(topic.getStatus().watermark).toBe(1n);
  await shift(2);
  await documents(topic, ([one]) => one?.docVersion === 6n);
  await topicStatus(topic, ({ phase }) => phase === "live");
});

test("closing saves what was not saved yet", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const store = asyncStorageStore(mapStorage());
  const khala = connect({ token: token([name]), store, saveEveryMs: 1e9 });
  await live(khala.topic(name));
  await database.sink(name, "a", 1, { n: 1 });
  await documents(khala.topic(name), (found) => found.length === 1);
  expect(await store.load(name)).toBeNull();
  await khala.close();
  expect(await store.load(name)).toMatchObject({ versions: [{ docKey: "a", docVersion: 1n }] });
});

test("partial: a first snapshot shows page by page, one after a stale cursor all at once", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  // More than one page of a snapshot.
  const write = (version: number) =>
    database.value(
      `SELECT count(*) FROM khala.sink_batch($1, (SELECT jsonb_agg(jsonb_build_object('doc_key', 'key ' || n,
         'doc_version', $2::bigint, 'payload', jsonb_build_object('n', n), 'org_id', 'acme'))
       FROM generate_series(10001, 12500) AS g (n)))`,
      name,
      version,
    );
  await write(1);
  const khala = connect({ token: token([name]), partial: true });
  const topic = khala.topic(name);
  const seen: (readonly [number, boolean])[] = [];
  const look = () => seen.push([topic.getSnapshot().length, topic.getStatus().watermark !== null]);
  onTestFinished(topic.subscribe(look));
  await live(topic);
  const counts = seen.filter(([, isAll]) => !isAll).map(([count]) => count);
  expect(counts.length).toBeGreaterThan(1);
  expect(counts).toEqual([...counts].sort((one, other) => one - other));
  expect(counts[0]).toBeLessThan(2_500);
  expect(seen.at(-1)).toEqual([2_500, true]);
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));

  khala.disconnect();
  await write(2);
  await database.purge(name);
  seen.length = 0;
  khala.connect();
  await documents(topic, (found) => found[2_499]?.docVersion === 2n);
  expect(seen.filter(([count]) => count !== 2_500)).toEqual([]);
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));
});

test("partial: what a store is too slow to bring, and part of another organisation's, goes", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "theirs", 1, { n: 1 }, "acme");
  await database.sink(name, "ours", 1, { n: 1 }, "other");
  let isOurs = false;
  let bring: OnPart | undefined;
  const store: KhalaStore = {
    ...memoryStore(),
    // It has brought a part, and then fails.
    load: async (_, onPart) => {
      bring = onPart;
      onPart?.([version(name, "old")]);
      throw new Error("the disk is gone");
    },
  };
  const khala = connect({
    token: () => token([name], { org: isOurs ? "other" : "acme" }),
    partial: true,
    store,
  });
  const topic = khala.topic(name);
  await documents(topic, ([one]) => one?.docKey === "old");
  await live(topic);
  expect(topic.getSnapshot().map(({ docKey }) => docKey)).toEqual(["theirs"]);
  bring?.([version(name, "late")]);
  expect(topic.getSnapshot().map(({ docKey }) => docKey)).toEqual(["theirs"]);
  khala.disconnect();
  isOurs = true;
  khala.connect();
  await documents(topic, ([one]) => one?.docKey === "ours");
  expect(topic.getSnapshot().map(({ docKey }) => docKey)).toEqual(["ours"]);
});

function version(topic: string, docKey: string): Version {
  const counters = { docVersion: 1n, watermark: 1n };
  return { ...{ topic, docKey, payloadHash: "", deleted: false, payload: {} }, ...counters };
}
