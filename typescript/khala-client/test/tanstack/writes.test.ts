/** Optimistic writes to collections. */

import { createCollection } from "@tanstack/db";
import { expect, test } from "vitest";
import { khalaCollectionOptions } from "../../src/tanstack/index.js";
import { connect, openDatabase, token } from "../harness/server.js";
import { live, topicStatus } from "../harness/waiting.js";
import { type Order, order, payloads, plainRows, sinkAll } from "./orders.js";

test("an optimistic write stays until the server's row is there", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const client = connect({ token: token([name]) });
  let version = 0;
  const put = (row: Order) => sinkAll(database, name, ++version, [{ ...row, note: "stored" }]);
  const collection = createCollection(
    khalaCollectionOptions({
      client,
      topic: name,
      getKey: (row: Order) => row.id,
      onInsert: async ({ transaction, collection }) => {
        for (const { modified } of transaction.mutations) {
          await collection.utils.awaitWatermark(await put(modified));
        }
      },
      onUpdate: async ({ transaction, collection }) => {
        for (const { modified } of transaction.mutations) {
          await collection.utils.awaitWatermark(await put(modified));
        }
      },
      onDelete: async ({ transaction, collection }) => {
        for (const { key } of transaction.mutations) {
          await database.remove(name, key, ++version);
        }
        await collection.utils.awaitRow("a", (row) => row === undefined);
      },
    }),
  );
  await collection.preload();
  const types: string[] = [];
  collection.subscribeChanges((changes) => types.push(...changes.map(({ type }) => type)));
  const inserted = collection.insert(order("a", "ann", 1));
  expect(collection.get("a")).toMatchObject({ total: 1, $hasPendingWrites: true });
  await inserted.when("settled");
  expect(collection.get("a")).toMatchObject({ note: "stored", $hasPendingWrites: false });
  const updated = collection.update("a", (draft) => Object.assign(draft, { total: 2 }));
  expect(collection.get("a")).toMatchObject({ total: 2, $hasPendingWrites: true });
  await updated.when("settled");
  expect(collection.get("a")).toMatchObject({ total: 2, $hasPendingWrites: false });
  // Never gone in between.
  expect(types).not.toContain("delete");
  // What has been reached is no wait, and a duplicate, which has no watermark, is none.
  const watermark = await put(order("a", "ann", 2));
  await collection.utils.awaitWatermark(watermark);
  await collection.utils.awaitWatermark(watermark, { timeoutMs: 0 });
  await collection.utils.awaitWatermark(null, { timeoutMs: 0 });
  await collection.delete("a").when("settled");
  expect(collection.has("a")).toBe(false);
  expect(await payloads(database, name)).toEqual([]);
});

test("a write that fails is rolled back, also while documents come", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const client = connect({ token: token([name]) });
  const refuse = async () => {
    // Another writer's rows, which the collection gets while this one is being refused.
    const watermark = await sinkAll(database, name, 2, [
      order("a", "ann", 7),
      order("b", "bob", 8),
    ]);
    await collection.utils.awaitWatermark(watermark);
    throw new Error("refused");
  };
  const collection = createCollection(
    khalaCollectionOptions({
      client,
      topic: name,
      getKey: ({ id }: Order) => id,
      onInsert: refuse,
      onUpdate: refuse,
      onDelete: refuse,
    }),
  );
  await sinkAll(database, name, 1, [order("a", "ann", 1)]);
  await collection.preload();
  const update = collection.update("a", (draft) => Object.assign(draft, { total: 99 }));
  expect(collection.get("a")?.total).toBe(99);
  await expect(update.when("settled")).rejects.toThrow("refused");
  expect(plainRows(collection)).toEqual([order("a", "ann", 7), order("b", "bob", 8)]);
  await expect(collection.insert(order("c", "cid", 1)).when("settled")).rejects.toThrow("refused");
  await expect(collection.delete("a").when("settled")).rejects.toThrow("refused");
  expect(plainRows(collection)).toEqual(await payloads(database, name));
});

test("a grouped topic, whose writes know no watermark, is awaited by the row", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.value("SELECT khala.set_topic_writes($1, 'grouped')", name);
  const collection = createCollection(
    khalaCollectionOptions({
      client: connect({ token: token([name]) }),
      topic: name,
      getKey: ({ id }: Order) => id,
      onInsert: async ({ transaction, collection }) => {
        const [{ modified, key }] = transaction.mutations;
        await sinkAll(database, name, 1, [modified]);
        await collection.utils.awaitRow(key, (row) => row?.total === modified.total);
      },
    }),
  );
  await collection.preload();
  await collection.insert(order("a", "ann", 5)).when("settled");
  expect(collection.get("a")).toMatchObject({ total: 5, $hasPendingWrites: false });
  const never = collection.utils.awaitRow("b", (row) => row !== undefined, { timeoutMs: 1 });
  await expect(never).rejects.toThrow(expect.objectContaining({ code: "timeout" }));
});

test("a snapshot that replaces all rows leaves an optimistic row on top", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1)]);
  const client = connect({ token: token([name]) });
  let allow = () => {};
  const isAllowed = new Promise<void>((resolve) => {
    allow = resolve;
  });
  const collection = createCollection(
    khalaCollectionOptions({
      client,
      topic: name,
      getKey: ({ id }: Order) => id,
      onInsert: async ({ transaction, collection }) => {
        await isAllowed;
        const [{ modified }] = transaction.mutations;
        await collection.utils.awaitWatermark(await sinkAll(database, name, 1, [modified]));
      },
    }),
  );
  await collection.preload();
  const inserted = collection.insert(order("new", "bob", 2));
  client.disconnect();
  await sinkAll(database, name, 2, [order("a", "ann", 10), order("b", "bob", 20)]);
  await database.purge(name);
  const recovering = topicStatus(client.topic(name), ({ phase }) => phase === "recovering");
  client.connect();
  await recovering;
  await live(client.topic(name));
  const standing = [order("a", "ann", 10), order("b", "bob", 20), order("new", "bob", 2)];
  expect(plainRows(collection)).toEqual(standing);
  expect(collection.get("new")?.$hasPendingWrites).toBe(true);
  allow();
  await inserted.when("settled");
  expect(collection.get("new")?.$hasPendingWrites).toBe(false);
  expect(plainRows(collection)).toEqual(standing);
  expect(plainRows(collection)).toEqual(await payloads(database, name));
});
