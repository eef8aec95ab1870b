/**
 * Stores over storage of texts by key: localStorage, React Native's AsyncStorage, and the like.
 *
 * A topic is one value, so that one write saves it as a whole. Should two tabs overwrite each other
 * where there are no Web Locks, what remains is one tab's consistent state, and the other writes
 * all of its own at its next commit. For more than a few hundred documents take a database.
 */

import { isNewer, type Version } from "../cache.js";
import type { JsonObject } from "../types.js";
import { type Cursor, type KhalaStore, plan, type Stored } from "./store.js";

type Promised<T> = T | Promise<T>;

/** What AsyncStorage and the Web's Storage have in common. */
export interface KeyValueStorage {
  getItem(key: string): Promised<string | null>;
  setItem(key: string, value: string): Promised<unknown>;
  removeItem(key: string): Promised<unknown>;
}

export interface KeyValueOptions {
  /** What the keys begin with: name the account in it. Default `khala`. */
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
  return asyncStorageStore(globalThis.localStorage, options);
}

/** A store in React Native's AsyncStorage or anything of its shape. */
export function asyncStorageStore(
  storage: KeyValueStorage,
  { name = "khala" }: KeyValueOptions = {},
): KhalaStore {
  const index = name;
  const key = (topic: string) => `${name}:${topic}`;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: here by a chain, between tabs by a lock where the platform has them. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const locks = globalThis.navigator?.locks;
    const next = last.then(() => (locks ? (locks.request(name, work) as Promise<T>) : work()));
    // A failure is the caller's; whoever comes next is not held up by it.
    last = next.catch(() => {});
    return next;
  };

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
        await storage.setItem(key(topic), write(cursor, merged(standing, planned.versions)));
        return true;
      }),
    clear: () =>
      alone(async () => {
        for (const topic of await topics()) {
          await storage.removeItem(key(topic));
        }
        await storage.removeItem(index);
      }),
    close: async () => {
      await last;
    },
  };
}

function merged(standing: readonly Version[], versions: readonly Version[]): Iterable<Version> {
  const byKey = new Map(standing.map((version) => [version.docKey, version]));
  for (const version of versions) {
    if (isNewer(version, byKey.get(version.docKey))) {
      byKey.set(version.docKey, version);
    }
  }
  return byKey.values();
}

function write(cursor: Cursor, versions: Iterable<Version>): string {
  const value: Value = {
    format: FORMAT,
    ...cursor,
    watermark: String(cursor.watermark),
    rows: Array.from(versions, (version) => [
      version.docKey,
      String(version.docVersion),
      String(version.watermark),
      version.payloadHash,
      version.payload ?? 0,
    ]),
  };
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

/** What is not JSON was not written by this store, or not to its end: the same as nothing. */
function decode(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
