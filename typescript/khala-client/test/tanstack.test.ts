/** Collections of TanStack DB on a live server: their rows are the documents, whatever happens. */

import {
  type Collection,
  count,
  createCollection,
  createLiveQueryCollection,
  eq,
  type StandardSchema,
  sum,
} from "@tanstack/db";
import { expect, expectTypeOf, test } from "vitest";
import { asyncStorageStore, isKhalaError, type KhalaClient } from "../src/index.js";
import { type KhalaCollectionUtils, khalaCollectionOptions } from "../src/tanstack/index.js";
import { Prompted } from "./harness/prompted.js";
import { connect, type Database, killRelay, openDatabase, token } from "./harness/server.js";
import { mapStorage } from "./harness/storage.js";
import { topicStatus } from "./harness/waiting.js";

type Order = {
  readonly id: string;
  readonly customer: string;
  readonly total: number;
  readonly note?: string;
};

type Customer = {
  readonly id: string;
  readonly name: string;
};

const order = (id: string, customer: string, total: number): Order => ({ id, customer, total });

function orders(client: KhalaClient, topic: string) {
  return createCollection(
    khalaCollectionOptions({ client, topic, getKey: ({ id }: Order) => id, gcTime: 0 }),
  );
}

interface Row {
  readonly id: string;
  readonly [name: string]: unknown;
}

/** Writes documents in one transaction; the watermark of the last, null if nothing was written. */
async function sinkAll(
  database: Database,
  topic: string,
  version: number,
  rows: readonly Row[],
): Promise<string | null> {
  const documents = rows.map((payload) => ({
    doc_key: payload.id,
    doc_version: version,
    payload,
    org_id: "acme",
  }));
  const sql = "SELECT max(watermark) FROM khala.sink_batch($1, $2)";
  return (await database.value(sql, topic, JSON.stringify(documents))) as string | null;
}

/** The rows without what TanStack DB adds to them, by key. */
function plainRows(collection: { readonly toArray: readonly object[] }): unknown[] {
  return collection.toArray
    .map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("$"))))
    .sort((one, other) => (String(one["id"]) < String(other["id"]) ? -1 : 1));
}

async function payloads(database: Database, topic: string): Promise<unknown[]> {
  return (await database.documents(topic)).map(({ payload }) => payload);
}

/** Resolves when the rows of a collection satisfy `until`. */
function rows<T extends object>(
  collection: Collection<T, string>,
  until: (rows: readonly T[]) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const subscription = collection.subscribeChanges(
      () => {
        if (until(collection.toArray)) {
          subscription?.unsubscribe();
          resolve();
        }
      },
      { includeInitialState: true },
    );
  });
}

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

test("queries, joins and groups hold under faults, and end equal to the table", async () => {
  const database = await openDatabase();
  const [ordersName, customersName] = [await database.topic(), await database.topic()];
  const customers = ["ann", "bob", "cid"].map((id): Customer => ({ id, name: `${id}'s` }));
  await sinkAll(database, customersName, 1, customers);
  const balances = new Map(Array.from({ length: 12 }, (_, n) => [`o${n}`, 100]));
  const row = (id: string) =>
    order(id, `${customers[Number(id.slice(1)) % 3]?.id}`, balances.get(id) ?? 0);
  let version = 1;
  await sinkAll(database, ordersName, version, [...balances.keys()].map(row));
  await database.sink(ordersName, "z", 1, order("z", "ann", 0));

  const khala = connect({
    token: token([ordersName, customersName]),
    WebSocket: Prompted as never,
  });
  const collection = orders(khala, ordersName);
  const people = createCollection(
    khalaCollectionOptions({
      client: khala,
      topic: customersName,
      getKey: (customer: Customer) => customer.id,
    }),
  );
  const total = createLiveQueryCollection((q) =>
    q.from({ order: collection }).select(({ order }) => ({ total: sum(order.total) })),
  );
  const byCustomer = createLiveQueryCollection((q) =>
    q
      .from({ order: collection })
      .innerJoin({ customer: people }, ({ order, customer }) => eq(order.customer, customer.id))
      .groupBy(({ customer }) => customer.name)
      .select(({ order, customer }) => ({
        id: customer.name,
        total: sum(order.total),
        orders: count(order.id),
      })),
  );
  const totals = new Set<number | undefined>();
  let steps = 0;
  const add = (rows: readonly { readonly total: number | undefined }[]) =>
    totals.add(rows.reduce((all, { total }) => all + (total ?? 0), 0));
  collection.subscribeChanges(() => {
    steps++;
    add(collection.toArray);
  });
  total.subscribeChanges(() => add(total.toArray));
  byCustomer.subscribeChanges(() => add(byCustomer.toArray));
  await Promise.all([total.preload(), byCustomer.preload()]);

  /** Moves money between two orders, in one transaction: the sum stays. */
  const move = async () => {
    version++;
    const from = `o${version % 12}`;
    const to = `o${(version * 7 + 5) % 12}`;
    const amount = from === to ? 0 : (version * 13) % 50;
    balances.set(from, (balances.get(from) ?? 0) - amount);
    balances.set(to, (balances.get(to) ?? 0) + amount);
    return sinkAll(database, ordersName, version, [...new Set([from, to])].map(row));
  };
  const moves = async (count: number) => {
    for (let n = 1; n < count; n++) {
      await move();
    }
    return move();
  };
  const faults: Record<string, () => Promise<unknown>> = {
    "a connection killed": async () => Prompted.last?.terminate(),
    "the relay restarted": async () => killRelay(),
    "a stale cursor": async () => {
      khala.disconnect();
      await database.remove(ordersName, "z", 2);
      await moves(5);
      await database.purge(ordersName);
      khala.connect();
    },
    "a new epoch": () => database.value("SELECT khala.new_epoch()"),
  };
  for (const [fault, happens] of Object.entries(faults)) {
    await moves(5);
    await happens();
    await collection.utils.awaitWatermark(await moves(15));
    expect(plainRows(collection), fault).toEqual(await payloads(database, ordersName));
    const expected = customers.map(({ id, name }) => {
      const own = [...balances.keys()].map(row).filter(({ customer }) => customer === id);
      const total = own.reduce((all, { total }) => all + total, 0);
      return { id: name, total, orders: own.length + Number(id === "ann" && collection.has("z")) };
    });
    expect(plainRows(byCustomer), fault).toEqual(expected);
  }
  expect(collection.has("z")).toBe(false);
  expect(steps).toBeGreaterThan(20);
  // Every state between was that of a whole transaction.
  expect([...totals]).toEqual([1200]);
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

test("the client's store keeps a collection: its rows are there without a server", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1), order("b", "bob", 2)]);
  const storage = mapStorage();
  const first = connect({ token: token([name]), store: asyncStorageStore(storage) });
  await orders(first, name).preload();
  await first.close();

  const client = connect({
    url: "ws://127.0.0.1:1/socket/websocket",
    token: token([name]),
    store: asyncStorageStore(storage),
  });
  const waiting = orders(client, name);
  await rows(waiting, (found) => found.length === 2);
  expect(waiting.status).toBe("loading");
  const ready = createCollection(
    khalaCollectionOptions({
      client,
      topic: name,
      getKey: ({ id }: Order) => id,
      readyOffline: true,
    }),
  );
  await ready.preload();
  expect(plainRows(ready)).toEqual(await payloads(database, name));
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

test("keys, rows and utilities are typed without a cast", () => {
  const client = connect({ token: "" });
  const collection = createCollection(
    khalaCollectionOptions({ client, topic: "shop.orders", getKey: (row: Order) => row.id }),
  );
  expectTypeOf(collection.get).parameter(0).toEqualTypeOf<string>();
  expectTypeOf(collection.toArray[0]?.total).toEqualTypeOf<number | undefined>();
  expectTypeOf(collection.insert).parameter(0).toEqualTypeOf<Order | Order[]>();
  expectTypeOf(collection.utils).toEqualTypeOf<KhalaCollectionUtils<Order>>();
  // @ts-expect-error: the key of an order is a string
  collection.get(1);
  // @ts-expect-error: an order has no such member
  expect(collection.get("a")?.color).toBeUndefined();
  // @ts-expect-error: an order without a total is none
  const wrong: Parameters<typeof collection.insert>[0] = { id: "a", customer: "ann" };
  expect(wrong).toBeDefined();

  const schema: StandardSchema<Order> = {
    "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Order }) },
  };
  const checked = createCollection(
    khalaCollectionOptions({ client, topic: "shop.orders", schema, getKey: ({ id }) => id }),
  );
  expectTypeOf(checked.get).parameter(0).toEqualTypeOf<string>();
  expectTypeOf(checked.toArray[0]?.customer).toEqualTypeOf<string | undefined>();
});
