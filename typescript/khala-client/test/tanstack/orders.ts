/** Orders and customers in topics and collections, for the tests of TanStack DB. */

import { type Collection, createCollection } from "@tanstack/db";
import type { KhalaClient } from "../../src/index.js";
import { khalaCollectionOptions } from "../../src/tanstack/index.js";
import type { Database } from "../harness/server.js";

export type Order = {
  readonly id: string;
  readonly customer: string;
  readonly total: number;
  readonly note?: string;
};

export type Customer = {
  readonly id: string;
  readonly name: string;
};

export const order = (id: string, customer: string, total: number): Order => ({
  id,
  customer,
  total,
});

export function orders(client: KhalaClient, topic: string) {
  return createCollection(
    khalaCollectionOptions({ client, topic, getKey: ({ id }: Order) => id, gcTime: 0 }),
  );
}

interface Row {
  readonly id: string;
  readonly [name: string]: unknown;
}

/** Writes documents in one transaction; the watermark of the last, null if nothing was written. */
export async function sinkAll(
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
export function plainRows(collection: { readonly toArray: readonly object[] }): unknown[] {
  return collection.toArray
    .map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("$"))))
    .sort((one, other) => (String(one["id"]) < String(other["id"]) ? -1 : 1));
}

export async function payloads(database: Database, topic: string): Promise<unknown[]> {
  return (await database.documents(topic)).map(({ payload }) => payload);
}

/** Resolves when the rows of a collection satisfy `until`. */
export function rows<T extends object>(
  collection: Collection<T, string>,
  until: (rows: readonly T[]) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    collection.subscribeChanges(() => until(collection.toArray) && resolve(), {
      includeInitialState: true,
    });
  });
}
