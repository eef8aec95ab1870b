/** Collections that outlive their program. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectionOptions, createCollection, DbClient } from "@tanstack/db";
import {
  createSQLiteCorePersistenceAdapter,
  persistedCollectionOptions,
  SingleProcessCoordinator,
  type SQLiteDriver,
} from "@tanstack/db-sqlite-persistence-core";
import Sqlite from "libsql";
import { expect, onTestFinished, test } from "vitest";
import { asyncStorageStore, type KhalaClient } from "../../src/index.js";
import { khalaCollectionOptions } from "../../src/tanstack/index.js";
import { connect, openDatabase, token } from "../harness/server.js";
import { mapStorage } from "../harness/storage.js";
import { type Order, order, orders, payloads, plainRows, rows, sinkAll } from "./orders.js";

/** Where nobody answers. */
const AWAY = { url: "ws://127.0.0.1:1/socket/websocket" };

test("the client's store keeps a collection: its rows are there without a server", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1), order("b", "bob", 2)]);
  const storage = mapStorage();
  const first = connect({ token: token([name]), store: asyncStorageStore(storage) });
  await orders(first, name).preload();
  await first.close();

  const client = connect({ ...AWAY, token: token([name]), store: asyncStorageStore(storage) });
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

test("persistence of TanStack DB keeps a collection, and a snapshot replaces what it kept", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1), order("b", "bob", 2)]);
  const directory = mkdtempSync(join(tmpdir(), "khala-tanstack-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "rows.db");
  const persisted = (client: KhalaClient) =>
    createCollection(
      persistedCollectionOptions({
        ...khalaCollectionOptions({
          client,
          topic: name,
          id: "orders",
          getKey: ({ id }: Order) => id,
        }),
        persistence: openPersistence(path),
        schemaVersion: 1,
      }),
    );
  const first = persisted(connect({ token: token([name]) }));
  await first.preload();
  await first.utils.awaitWatermark(await sinkAll(database, name, 1, [order("c", "cid", 3)]));
  await rows(first, (found) => found.length === 3);
  await first.cleanup();

  const offline = persisted(connect({ ...AWAY, token: token([name]) }));
  await rows(offline, (found) => found.length === 3);
  expect(offline.status).toBe("loading");
  expect(plainRows(offline)).toEqual(await payloads(database, name));
  await offline.cleanup();

  await database.remove(name, "b", 2);
  await sinkAll(database, name, 2, [order("a", "ann", 10)]);
  const again = persisted(connect({ token: token([name]) }));
  await rows(again, (found) => found.length === 2);
  await again.preload();
  expect(plainRows(again)).toEqual(await payloads(database, name));
  await again.cleanup();
});

test("rows that a server rendered are shown until the client's own are there", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await sinkAll(database, name, 1, [order("a", "ann", 1), order("b", "bob", 2)]);
  const descriptor = (client: KhalaClient) =>
    collectionOptions("orders", () =>
      khalaCollectionOptions({ client, topic: name, getKey: ({ id }: Order) => id }),
    );
  const onServer = new DbClient();
  await onServer.collection(descriptor(connect({ token: token([name]) }))).preload();
  const state = JSON.parse(JSON.stringify(onServer.dehydrate()));
  await onServer.cleanup();
  await database.remove(name, "b", 2);
  await sinkAll(database, name, 2, [order("a", "ann", 10)]);

  const inPage = new DbClient();
  inPage.hydrate(state);
  const collection = inPage.collection(descriptor(connect({ token: token([name]) })));
  expect(plainRows(collection)).toEqual([order("a", "ann", 1), order("b", "bob", 2)]);
  await collection.preload();
  expect(plainRows(collection)).toEqual(await payloads(database, name));
  await inPage.cleanup();
});

/** The persistence of TanStack DB's packages for each platform, over the driver that is here. */
function openPersistence(path: string) {
  const database = new Sqlite(path);
  const driver: SQLiteDriver = {
    exec: async (sql) => {
      database.exec(sql);
    },
    query: async <T>(sql: string, parameters: readonly unknown[] = []) =>
      database.prepare(sql).all(...parameters) as T[],
    run: async (sql, parameters = []) => {
      database.prepare(sql).run(...parameters);
    },
    transaction: async (work) => {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = await work(driver);
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
  };
  return {
    adapter: createSQLiteCorePersistenceAdapter({
      driver,
      schemaMismatchPolicy: "sync-present-reset",
    }),
    coordinator: new SingleProcessCoordinator(),
  };
}
