/** The types of collections, without a cast. */

import { createCollection, type StandardSchema } from "@tanstack/db";
import { expect, expectTypeOf, test } from "vitest";
import { type KhalaCollectionUtils, khalaCollectionOptions } from "../../src/tanstack/index.js";
import { connect } from "../harness/server.js";
import type { Order } from "./orders.js";

declare module "../../src/topics/names.js" {
  interface KhalaTopics {
    // As the file that `khala types` writes does.
    "test.typed-orders": Order;
  }
}

test("the row of a topic that `khala types` knows is known by the topic's name", () => {
  const client = connect({ token: "" });
  const collection = createCollection(
    khalaCollectionOptions({ client, topic: "test.typed-orders", getKey: ({ id }) => id }),
  );
  expectTypeOf(collection.get).parameter(0).toEqualTypeOf<string>();
  expectTypeOf(collection.utils).toEqualTypeOf<KhalaCollectionUtils<Order>>();
  expectTypeOf(collection.insert).parameter(0).toEqualTypeOf<Order | Order[]>();
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
