/**
 * Stores over storage of strings by key: localStorage, React Native's AsyncStorage, and the like.
 *
 * A topic is one value, so that one write saves it as a whole. Should two tabs overwrite each other
 * where there are no Web Locks, one tab's consistent state remains, and the other tab writes
 * everything it has at its next commit. Use a database for more than a few hundred documents.
 */

import { isNewer, type Version } from "../topics/cache.js";
import type { JsonObject } from "../types.js";
import { type Cursor, type KhalaStore, makeQueue, plan, type Stored } from "./store.js";

type Promised<T> = T | Promise<T>;

/** The common part of AsyncStorage and the Web's Storage. */
export interface KeyValueStorage {
  getItem(key: string): Promised<string | null>;
  setItem(key: string, value: string): Promised<unknown>;
  removeItem(key: string): Promised<unknown>;
}

export interface KeyValueOptions {
  /** The prefix of all keys, which should contain the account. Default `khala`. */
  readonly name?: string;
}

const FORMAT = 1;

type Row = [docKey: string, docVersion: string, watermark: string, hash: string, JsonObject | 0];

interface Value extends Omit<Cursor, "watermark"> {
  readonly format: typeof FORMAT;
  readonly watermark: string;
  readonly rows: readonly Row[];
}

/** A store in localStorage: small topics of a web page. */
export function localStorageStore(options?: KeyValueOptions): KhalaStore {
  // Looked up at each use: a browser that denies it throws, which the client reports.
  const storage = (): Storage => globalThis.localStorage;
  return asyncStorageStore(
    {
      getItem: (key) => storage().getItem(key),
      setItem: (key, value) => storage().setItem(key, value),
      removeItem: (key) => storage().removeItem(key),
    },
    options,
  );
}

/** A store in React Native's AsyncStorage or anything of its shape. */
export function asyncStorageStore(
  storage: KeyValueStorage,
  { name = "khala" }: KeyValueOptions = {},
): KhalaStore {
  const index = name;
  const key = (topic: string) => `${name}:${topic}`;
  const queue = makeQueue();

  /** Between tabs a lock keeps the order, where the platform has locks. */
  const alone = <T>(work: () => Promise<T>): Promise<T> =>
    queue(() => {
      const locks = globalThis.navigator?.locks;
      return locks ? (locks.request(name, work) as Promise<T>) : work();
    });

  const topics = async (): Promise<string[]> => {
    const listed = decode(await storage.getItem(index));
    return Array.isArray(listed) ? listed.map(String) : [];
  };

  return {
    load: async (topic) => read(topic, await storage.getItem(key(topic))),
    commit: (commit) =>
      alone(async () => {
        const { topic } = commit;
        const stored = read(topic, await storage.getItem(key(topic)));
        const planned = plan(stored?.cursor ?? null, commit);
        const cursor = planned?.cursor ?? stored?.cursor;
        if (planned === null || cursor === undefined) {
          return false;
        }
        const standing = planned.replaces || stored === null ? [] : stored.versions;
        const known = await topics();
        if (!known.includes(topic)) {
          await storage.setItem(index, JSON.stringify([...known, topic]));
        }
        await storage.setItem(key(topic), write(cursor, standing, planned.versions));
        return true;
      }),
    clear: () =>
      alone(async () => {
        for (const topic of await topics()) {
          await storage.removeItem(key(topic));
        }
        await storage.removeItem(index);
      }),
    close: () => queue(async () => {}),
  };
}

function write(cursor: Cursor, standing: readonly Version[], versions: readonly Version[]): string {
  const byKey = new Map(standing.map((version) => [version.docKey, version]));
  for (const version of versions) {
    if (isNewer(version, byKey.get(version.docKey))) {
      byKey.set(version.docKey, version);
    }
  }
  const rows = Array.from(
    byKey.values(),
    (version): Row => [
      version.docKey,
      String(version.docVersion),
      String(version.watermark),
      version.payloadHash,
      version.payload ?? 0,
    ],
  );
  const value: Value = { format: FORMAT, ...cursor, watermark: String(cursor.watermark), rows };
  return JSON.stringify(value);
}

function read(topic: string, text: string | null): Stored | null {
  const value = decode(text) as Value | null;
  if (value?.format !== FORMAT) {
    return null;
  }
  const { watermark, epoch, org, rows } = value;
  return {
    cursor: { watermark: BigInt(watermark), epoch, org },
    versions: rows.map(([docKey, docVersion, at, payloadHash, payload]) => ({
      topic,
      docKey,
      docVersion: BigInt(docVersion),
      watermark: BigInt(at),
      payloadHash,
      deleted: payload === 0,
      payload: payload === 0 ? null : payload,
    })),
  };
}

/** A value that is not JSON was not written by this store, or not completely: counts as none. */
function decode(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
