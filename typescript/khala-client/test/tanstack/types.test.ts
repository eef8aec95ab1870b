/** The types of collections, without a cast. */

import { createCollection, type StandardSchema } from "@tanstack/db";
import { expect, expectTypeOf, test } from "vitest";
import { type KhalaCollectionUtils, khalaCollectionOptions } from "../../src/tanstack/index.js";
import { connect } from "../harness/server.js";
import type { Order } from "./orders.js";

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
