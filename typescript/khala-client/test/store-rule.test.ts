/**
 * One store under another organisation, a stale cursor and another epoch.
 * tests/integration/client/test_client_store.py is the same story.
 */

import { expect, test } from "vitest";
import { asyncStorageStore, type KhalaStore } from "../src/index.js";
import { connect, openDatabase, token } from "./harness/server.js";
import { openSqlite } from "./harness/sqlite.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live } from "./harness/waiting.js";

const OTHER = "other";

type Versions = Record<string, number>;

const versionsOf = (all: readonly { docKey: string; docVersion: bigint }[]): Versions =>
  Object.fromEntries(all.map(({ docKey, docVersion }) => [docKey, Number(docVersion)]));

/** Follows the topic until it is live; the versions that are shown then, by key. */
async function follow(store: KhalaStore, name: string, org: string): Promise<Versions> {
  // The store outlives this client.
  const kept = { ...store, close: async () => {} };
  const khala = connect({ token: token([name], { org }), store: kept });
  await live(khala.topic(name));
  const shown = versionsOf(khala.topic(name).getSnapshot());
  await khala.close();
  return shown;
}

/** The organisation of the stored cursor, and the stored versions by key. */
async function stored(store: KhalaStore, name: string) {
  const { cursor, versions } = (await store.load(name)) ?? {};
  return [cursor?.org, versionsOf(versions ?? [])];
}

const STORES: readonly [string, () => KhalaStore][] = [
  ["key-value", () => asyncStorageStore(mapStorage())],
  ["SQLite", () => openSqlite(":memory:")],
];

test.each(STORES)(
  "what a %s store holds counts for one organisation and one epoch",
  async (_, open) => {
    const database = await openDatabase();
    const name = await database.topic();
    const store = open();
    await database.sink(name, "ours", 1, { n: 1 }, "acme");
    await database.sink(name, "theirs", 1, { n: 1 }, OTHER);
    expect(await follow(store, name, "acme")).toEqual({ ours: 1 });
    expect(await stored(store, name)).toEqual(["acme", { ours: 1 }]);

    // Another organisation: nothing of the first is shown or kept, nothing of its own is missed.
    expect(await follow(store, name, OTHER)).toEqual({ theirs: 1 });
    expect(await stored(store, name)).toEqual([OTHER, { theirs: 1 }]);

    // A stale cursor: what was deleted and purged meanwhile is gone.
    await database.remove(name, "theirs", 2, OTHER);
    await database.sink(name, "new", 1, { n: 1 }, OTHER);
    await database.purge(name);
    expect(await follow(store, name, OTHER)).toEqual({ new: 1 });
    expect(await stored(store, name)).toEqual([OTHER, { new: 1 }]);

    // Another epoch: history took another course, and versions may go down.
    await database.value("SELECT khala.new_epoch('test')");
    await database.value(
      `UPDATE runtime.sync_documents SET doc_key = 'restored', doc_version = 0
     WHERE topic = $1 AND doc_key = 'new'`,
      name,
    );
    expect(await follow(store, name, OTHER)).toEqual({ restored: 0 });
    expect(await stored(store, name)).toEqual([OTHER, { restored: 0 }]);
  },
);

test("a listener sees that documents of another organisation are gone", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const store = asyncStorageStore(mapStorage());
  await database.sink(name, "ours", 1, { n: 1 }, "acme");
  await database.sink(name, "theirs", 1, { n: 1 }, OTHER);
  await follow(store, name, "acme");
  const topic = connect({ token: token([name], { org: OTHER }), store }).topic(name);
  const shown: string[][] = [];
  topic.subscribe((all) => shown.push(all.map(({ docKey }) => docKey)));
  await documents(topic, ([one]) => one?.docKey === "theirs");
  expect(shown).toEqual([["ours"], [], ["theirs"]]);
});
