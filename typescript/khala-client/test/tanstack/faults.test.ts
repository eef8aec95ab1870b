/** Live queries, joins and groups over collections, whatever happens to relay and database. */

import { count, createCollection, createLiveQueryCollection, eq, sum } from "@tanstack/db";
import { expect, test } from "vitest";
import { khalaCollectionOptions } from "../../src/tanstack/index.js";
import { Prompted } from "../harness/prompted.js";
import { connect, killRelay, openDatabase, token } from "../harness/server.js";
import { type Customer, order, orders, payloads, plainRows, sinkAll } from "./orders.js";

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
