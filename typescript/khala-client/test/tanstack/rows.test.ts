/** Rows of collections on a live server: what they are, when they come and go. */

import { createCollection } from "@tanstack/db";
import { expect, expectTypeOf, test } from "vitest";
import {
  isKhalaError,
  type KhalaClient,
  type KhalaTopic,
  type TopicFilter,
} from "../../src/index.js";
import { khalaCollectionOptions } from "../../src/tanstack/index.js";
import { Prompted } from "../harness/prompted.js";
import { connect, openDatabase, token } from "../harness/server.js";
import { topicStatus } from "../harness/waiting.js";
import { type Order, order, orders, payloads, plainRows, sinkAll } from "./orders.js";

test("the rows of a collection are the documents that stand", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1), order("b", "bob", 2)]);
  await database.sink(name, "c", 1, order("c", "cid", 3), "other");
  const khala = connect({ token: token([name]) });
  const collection = orders(khala, name);
  expect(collection.status).toBe("idle");
  expect(khala.getStatus().state).toBe("disconnected");
  await collection.preload();
  expect(khala.topic(name).getStatus().phase).toBe("live");
  expect(plainRows(collection)).toEqual([order("a", "ann", 1), order("b", "bob", 2)]);

  await database.remove(name, "b", 2);
  await collection.utils.awaitWatermark(
    await sinkAll(database, name, 3, [order("a", "ann", 10), order("d", "bob", 4)]),
  );
  expect(plainRows(collection)).toEqual([order("a", "ann", 10), order("d", "bob", 4)]);
});

test("a stale cursor replaces all rows in one step", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1), order("gone", "bob", 2)]);
  const khala = connect({ token: token([name]) });
  const collection = orders(khala, name);
  await collection.preload();
  const steps: string[][] = [];
  let truncations = 0;
  collection.on("truncate", () => truncations++);
  collection.subscribeChanges(
    (changes) => steps.push(changes.map(({ type, key }) => `${type} ${key}`).sort()),
    { includeInitialState: true },
  );
  steps.length = 0;
  khala.disconnect();
  await database.remove(name, "gone", 2);
  await database.purge(name);
  const watermark = await sinkAll(database, name, 5, [order("b", "bob", 3)]);
  await database.purge(name);
  khala.connect();
  await collection.utils.awaitWatermark(watermark);
  expect(truncations).toBe(1);
  expect(steps).toEqual([["delete a", "delete gone", "insert a", "insert b"]]);
  expect(plainRows(collection)).toEqual(await payloads(database, name));
});

test("the metadata of a collection has the watermark that its rows cover, at every step", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const options = khalaCollectionOptions({
    client: khala,
    topic: name,
    getKey: ({ id }: Order) => id,
  });
  const { sync } = options.sync;
  let watermark = (): unknown => undefined;
  const collection = createCollection({
    ...options,
    sync: {
      ...options.sync,
      sync: (run) => {
        watermark = () => run.metadata?.collection.get("khala.watermark");
        return sync(run);
      },
    },
  });
  await collection.preload();
  expect(watermark()).toBe("0");
  const steps: unknown[] = [];
  collection.subscribeChanges(() => steps.push([collection.size, watermark()]));
  await collection.utils.awaitWatermark(
    await sinkAll(database, name, 1, [order("a", "ann", 1), order("b", "bob", 2)]),
  );
  await database.sink(name, "c", 1, order("c", "cid", 3), "other");
  await collection.utils.awaitWatermark(await sinkAll(database, name, 1, [order("d", "ann", 4)]));
  expect(steps).toEqual([
    [2, "2"],
    [3, "4"],
  ]);
  // Documents of others move it, too.
  await database.sink(name, "e", 1, order("e", "cid", 5), "other");
  await collection.utils.awaitWatermark(5);
  expect(watermark()).toBe("5");
  expect(steps.length).toBe(2);
});

test("a filter is the part of a topic that a collection has; parts stand side by side", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const ids = ["ann/1", "ann/2", "bob/1", "bob/2", "cid/1"];
  await sinkAll(
    database,
    name,
    1,
    ids.map((id) => order(id, id.slice(0, 3), 1)),
  );
  const client = connect({ token: token([name]) });
  const part = (filter: TopicFilter) =>
    createCollection(
      khalaCollectionOptions({ client, topic: name, filter, getKey: ({ id }: Order) => id }),
    );
  const anns = part({ prefix: "ann/" });
  const two = part({ keys: ["bob/2", "cid/1"] });
  const newest = part({ newest: 2 });
  const parts = [anns, two, newest];
  const shown = () => parts.map((each) => each.toArray.map(({ id }) => id).sort());
  await Promise.all(parts.map((each) => each.preload()));
  expect(shown()).toEqual([
    ["ann/1", "ann/2"],
    ["bob/2", "cid/1"],
    ["bob/2", "cid/1"],
  ]);
  await database.remove(name, "cid/1", 2);
  const watermark = await sinkAll(database, name, 2, [
    order("ann/2", "ann", 9),
    order("ann/3", "ann", 9),
    order("bob/2", "bob", 9),
  ]);
  await Promise.all(parts.map((each) => each.utils.awaitWatermark(watermark)));
  expect(anns.get("ann/2")?.total).toBe(9);
  expect(shown()).toEqual([["ann/1", "ann/2", "ann/3"], ["bob/2"], ["ann/3", "bob/2"]]);
});

test("a token of another organisation replaces the rows of the one before", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, order("a", "ann", 1), "acme");
  await database.sink(name, "b", 1, order("b", "bob", 2), "other");
  await database.sink(name, "all", 1, order("all", "cid", 3), null);
  let org = "acme";
  const khala = connect({ token: () => token([name], { org }) });
  const collection = orders(khala, name);
  await collection.preload();
  expect([...collection.keys()].sort()).toEqual(["a", "all"]);
  const mixed: string[][] = [];
  collection.subscribeChanges(() => {
    if (collection.has("a") && collection.has("b")) {
      mixed.push([...collection.keys()]);
    }
  });
  khala.disconnect();
  org = "other";
  khala.connect();
  await collection.utils.awaitRow("b", (row) => row !== undefined);
  expect([...collection.keys()].sort()).toEqual(["all", "b"]);
  expect(mixed).toEqual([]);
});

test("a collection that ends leaves no listener behind", async () => {
  const database = await openDatabase();
  const [name, other] = [await database.topic(), await database.topic()];
  await sinkAll(database, name, 1, [order("a", "ann", 1)]);
  const khala = connect({ token: token([name]) });
  let listeners = 0;
  const counted =
    <L>(subscribe: (listener: L) => () => void) =>
    (listener: L) => {
      const stop = subscribe(listener);
      listeners++;
      return () => {
        listeners--;
        stop();
      };
    };
  const client: KhalaClient = {
    ...khala,
    onStatus: counted(khala.onStatus),
    topic: <T>(...args: Parameters<KhalaClient["topic"]>) => {
      const topic: KhalaTopic<T> = khala.topic<T>(...args);
      const [subscribe, onStatus] = [counted(topic.subscribe), counted(topic.onStatus)];
      return { ...topic, subscribe, onStatus };
    },
  };
  const collection = orders(client, name);
  await collection.preload();
  expect(listeners).toBe(3);
  const waits = new AbortController();
  const never = collection.utils.awaitRow("z", (row) => row !== undefined, waits);
  waits.abort();
  await expect(never).rejects.toThrow(expect.objectContaining({ code: "aborted" }));
  await collection.cleanup();
  await expect(orders(client, other).preload()).rejects.toThrow();
  const broken = khalaCollectionOptions({
    client,
    topic: name,
    getKey: ({ id }: Order): string => {
      throw new Error(`no key for ${id}`);
    },
  });
  await expect(createCollection(broken).preload()).rejects.toThrow("no key for a");
  // That of the topic that was refused: it may be allowed again.
  expect(listeners).toBe(3);
});

test("cleanup ends the subscription, and the collection begins again when it is used", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1)]);
  const khala = connect({ token: token([name]) });
  const collection = orders(khala, name);
  await collection.preload();
  await collection.cleanup();
  await topicStatus(khala.topic(name), ({ phase }) => phase === "idle");
  expect(collection.status).toBe("cleaned-up");
  await sinkAll(database, name, 2, [order("b", "bob", 2)]);
  await collection.preload();
  await collection.utils.awaitRow("b", (row) => row !== undefined);
  expect(plainRows(collection)).toEqual(await payloads(database, name));
});

test("a topic that is refused, and a function that throws, are the collection's error", async () => {
  const database = await openDatabase();
  const [name, other] = [await database.topic(), await database.topic()];
  const khala = connect({ token: token([name]) });
  await expect(orders(khala, other).preload()).rejects.toSatisfy((error) =>
    isKhalaError(error, "forbidden_topic"),
  );

  await sinkAll(database, name, 1, [order("a", "ann", 1)]);
  const broken = createCollection(
    khalaCollectionOptions({
      client: khala,
      topic: name,
      getKey: ({ id }: Order): string => {
        throw new Error(`no key for ${id}`);
      },
    }),
  );
  await expect(broken.preload()).rejects.toThrow("no key for a");
  await topicStatus(khala.topic(name), ({ phase }) => phase === "idle");
});

test("a client that gives up is the error of a collection that waits for it", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]), WebSocket: Prompted as never });
  const collection = orders(khala, name);
  const loaded = collection.preload();
  khala.onStatus(({ state }) => state === "connected" && Prompted.last?.end(4403, "for a test"));
  await expect(loaded).rejects.toSatisfy((error) => isKhalaError(error, "forbidden_topic"));
});

test("with `partial`, rows are there before the collection is ready", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const all = Array.from({ length: 2_300 }, (_, n) => order(`o${n}`, "ann", n));
  await sinkAll(database, name, 1, all);
  const khala = connect({ token: token([name]), partial: true });
  const collection = orders(khala, name);
  const early: number[] = [];
  collection.subscribeChanges(() => {
    if (collection.status === "loading") {
      early.push(collection.size);
    }
  });
  await collection.preload();
  expect(early[0]).toBeLessThan(all.length);
  expect(collection.size).toBe(all.length);
});

test("rows of one's own making: the key of a document, and one that moves", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "x", 1, { place: 1 });
  await database.sink(name, "y", 1, { place: 2 });
  const collection = createCollection(
    khalaCollectionOptions({
      client: connect({ token: token([name]) }),
      topic: name,
      row: ({ docKey, docVersion, payload }) => ({
        docKey,
        docVersion,
        place: Number(payload["place"]),
      }),
      getKey: ({ place }) => place,
    }),
  );
  expectTypeOf(collection.get).parameter(0).toEqualTypeOf<number>();
  await collection.preload();
  await database.value("BEGIN");
  await database.sink(name, "x", 2, { place: 2 });
  await database.sink(name, "y", 2, { place: 1 });
  await database.value("COMMIT");
  await collection.utils.awaitWatermark(4);
  expect(collection.get(1)).toMatchObject({ docKey: "y", docVersion: 2n });
  expect(collection.get(2)).toMatchObject({ docKey: "x", docVersion: 2n });
});
