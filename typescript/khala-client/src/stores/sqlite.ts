/** A store in SQLite: React Native, Electron, Node. Processes may share a file. */

import type { Version } from "../topics/cache.js";
import type { JsonObject } from "../types.js";
import { type Commit, type KhalaStore, makeQueue, plan, type Stored } from "./store.js";

export type SqliteValue = string | number | null;
export type SqliteRow = Readonly<Record<string, unknown>>;

/** Runs one statement; its rows, none for a statement that has none. */
export type SqliteExecute = (
  sql: string,
  parameters: readonly SqliteValue[],
) => readonly SqliteRow[] | Promise<readonly SqliteRow[]>;

/** Counters are passed as strings: not every driver binds or returns 64 bits. */
const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS khala_cursor (
    topic TEXT PRIMARY KEY, watermark INTEGER NOT NULL, epoch TEXT NOT NULL, org TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS khala_document (
    topic TEXT NOT NULL, doc_key TEXT NOT NULL, doc_version INTEGER NOT NULL,
    watermark INTEGER NOT NULL, payload_hash TEXT NOT NULL, payload TEXT,
    PRIMARY KEY (topic, doc_key))`,
];
const CURSOR =
  "SELECT CAST(watermark AS TEXT) AS watermark, epoch, org FROM khala_cursor WHERE topic = ?";
const DOCUMENTS = `SELECT doc_key, CAST(doc_version AS TEXT) AS doc_version,
  CAST(watermark AS TEXT) AS watermark, payload_hash, payload
  FROM khala_document WHERE topic = ?`;
const PUT_DOCUMENT = `INSERT INTO khala_document
  VALUES (?, ?, CAST(? AS INTEGER), CAST(? AS INTEGER), ?, ?)
  ON CONFLICT (topic, doc_key) DO UPDATE SET doc_version = excluded.doc_version,
  watermark = excluded.watermark, payload_hash = excluded.payload_hash, payload = excluded.payload
  WHERE excluded.doc_version > khala_document.doc_version
  OR (excluded.doc_version = khala_document.doc_version
    AND excluded.watermark > khala_document.watermark)`;
const PUT_CURSOR = `INSERT INTO khala_cursor VALUES (?, CAST(? AS INTEGER), ?, ?)
  ON CONFLICT (topic) DO UPDATE SET watermark = excluded.watermark, epoch = excluded.epoch,
  org = excluded.org`;

/**
 * A store in a SQLite database. The connection behind `execute` belongs to the store: a transaction
 * that the program opened on it would take the store's statements in. The program closes it.
 */
export function sqliteStore(execute: SqliteExecute): KhalaStore {
  const queue = makeQueue();
  let isReady = false;

  const run = async (sql: string, ...parameters: SqliteValue[]) => execute(sql, parameters);

  /** One transaction after the other. */
  const transact = <T>(work: () => Promise<T>): Promise<T> =>
    queue(async () => {
      // With the lock for writing from the start: no other writer comes between read and write.
      await run("BEGIN IMMEDIATE");
      try {
        if (!isReady) {
          for (const statement of SCHEMA) {
            await run(statement);
          }
        }
        const result = await work();
        await run("COMMIT");
        isReady = true;
        return result;
      } catch (error) {
        // SQLite may have rolled back by itself; the first error is the cause.
        await run("ROLLBACK").catch(() => {});
        throw error;
      }
    });

  const cursor = async (topic: string) => {
    const [row] = await run(CURSOR, topic);
    return row === undefined
      ? null
      : {
          watermark: BigInt(String(row["watermark"])),
          epoch: String(row["epoch"]),
          org: String(row["org"]),
        };
  };

  const commit = async (wanted: Commit): Promise<boolean> => {
    const { topic } = wanted;
    const planned = plan(await cursor(topic), wanted);
    if (planned === null) {
      return false;
    }
    if (planned.replaces) {
      await run("DELETE FROM khala_document WHERE topic = ?", topic);
    }
    for (const version of planned.versions) {
      await run(PUT_DOCUMENT, ...row(version));
    }
    if (planned.cursor !== null) {
      const { watermark, epoch, org } = planned.cursor;
      await run(PUT_CURSOR, topic, String(watermark), epoch, org);
    }
    return true;
  };

  return {
    load: (topic) =>
      transact(async (): Promise<Stored | null> => {
        const found = await cursor(topic);
        const rows = found === null ? [] : await run(DOCUMENTS, topic);
        return found && { cursor: found, versions: rows.map((row) => version(topic, row)) };
      }),
    commit: (wanted) => transact(() => commit(wanted)),
    clear: () =>
      transact(async () => {
        await run("DELETE FROM khala_document");
        await run("DELETE FROM khala_cursor");
      }),
    close: () => queue(async () => {}),
  };
}

function row(version: Version): SqliteValue[] {
  const { topic, docKey, docVersion, watermark, payloadHash, payload } = version;
  const text = payload && JSON.stringify(payload);
  return [topic, docKey, String(docVersion), String(watermark), payloadHash, text];
}

function version(topic: string, row: SqliteRow): Version {
  const payload = row["payload"];
  return {
    topic,
    docKey: String(row["doc_key"]),
    docVersion: BigInt(String(row["doc_version"])),
    watermark: BigInt(String(row["watermark"])),
    payloadHash: String(row["payload_hash"]),
    deleted: payload === null,
    payload: payload === null ? null : (JSON.parse(String(payload)) as JsonObject),
  };
}
