/** A store in IndexedDB: one transaction compares and writes, so tabs can share it. */

import { within } from "../host/timer.js";
import { isNewer, type Version } from "../topics/cache.js";
import { type Cursor, type KhalaStore, plan, type Stored } from "./store.js";

export interface IndexedDbOptions {
  /** The database's name, which should contain the account. Default `khala`. */
  readonly name?: string;
}

const FORMAT = 1;
const CURSORS = "cursors";
const VERSIONS = "versions";
const BOTH = [CURSORS, VERSIONS];
/** The versions that one task reads or writes: all 20,000 at once keep a page from drawing for 0.2 s. */
const PART = 500;

/** A store in IndexedDB: web pages and Electron. */
export function indexedDbStore({ name = "khala" }: IndexedDbOptions = {}): KhalaStore {
  let opening: Promise<IDBDatabase> | null = null;

  const forget = () => {
    // Also one that opens too late.
    opening?.then((database) => database.close()).catch(() => {});
    opening = null;
  };

  /** Runs `work` in one transaction; resolves with its result once that is durable. */
  const transact = async <T>(
    mode: IDBTransactionMode,
    work: (cursors: IDBObjectStore, versions: IDBObjectStore, answer: (value: T) => void) => void,
  ): Promise<T> => {
    opening ??= connect(name, forget);
    const using = opening;
    const transacted = async () => {
      const database = await using;
      return new Promise<T>((resolve, reject) => {
        const transaction = database.transaction(BOTH, mode);
        let answer: T;
        transaction.oncomplete = () => resolve(answer);
        transaction.onabort = () => reject(transaction.error);
        work(transaction.objectStore(CURSORS), transaction.objectStore(VERSIONS), (value) => {
          answer = value;
        });
      });
    };
    try {
      return await within(transacted, "store", "IndexedDB");
    } catch (error) {
      // No event tells of every dead handle: the next call opens another.
      if (opening === using) {
        forget();
      }
      throw error;
    }
  };

  return {
    load: (topic, onPart) =>
      transact<Stored | null>("readonly", (cursors, versions, answer) => {
        const cursor = cursors.get(topic) as IDBRequest<Cursor | undefined>;
        cursor.onsuccess = () => {
          const stored = cursor.result && { cursor: cursor.result, versions: [] as Version[] };
          answer(stored ?? null);
          if (stored !== undefined) {
            readParts(versions, topic, (part) => {
              stored.versions.push(...part);
              onPart?.(part);
            });
          }
        };
      }),
    commit: (commit) =>
      transact("readwrite", (cursors, versions, answer) => {
        const { topic } = commit;
        const request = cursors.get(topic) as IDBRequest<Cursor | undefined>;
        request.onsuccess = () => {
          const planned = plan(request.result ?? null, commit);
          answer(planned !== null);
          if (planned?.replaces) {
            versions.delete(of(topic));
          }
          if (planned?.cursor) {
            cursors.put(planned.cursor, topic);
          }
          putParts(versions, planned?.versions ?? [], planned?.replaces === true);
        };
      }),
    clear: () =>
      transact<void>("readwrite", (cursors, versions) => {
        cursors.clear();
        versions.clear();
      }),
    close: async () => forget(),
  };
}

function connect(name: string, onGone: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, FORMAT);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(CURSORS);
      request.result.createObjectStore(VERSIONS, { keyPath: ["topic", "docKey"] });
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = onGone;
      // Another tab is about to delete or upgrade it, and waits until every connection is closed.
      database.onversionchange = onGone;
      resolve(database);
    };
  });
}

/** The keys of a topic's versions: an array sorts after every string. */
function of(topic: string): IDBKeyRange {
  return IDBKeyRange.bound([topic], [topic, []]);
}

/** Reads the versions of a topic in several tasks, so that none of them is a long one. */
function readParts(
  versions: IDBObjectStore,
  topic: string,
  onPart: (part: readonly Version[]) => void,
  after: IDBValidKey = [topic],
): void {
  const range = IDBKeyRange.bound(after, [topic, []], true);
  const request = versions.getAll(range, PART) as IDBRequest<Version[]>;
  request.onsuccess = () => {
    const part = request.result;
    const last = part.at(-1);
    if (part.length === PART && last !== undefined) {
      // Asked for before this part is taken in: the database reads on meanwhile.
      readParts(versions, topic, onPart, [topic, last.docKey]);
    }
    onPart(part);
  };
}

/** Puts versions in several tasks, each begun when the one before has been written. */
function putParts(
  versions: IDBObjectStore,
  wanted: readonly Version[],
  isEmpty: boolean,
  from = 0,
): void {
  const part = wanted.slice(from, from + PART);
  for (const version of part) {
    const isLast = version === part.at(-1);
    const next = () => isLast && putParts(versions, wanted, isEmpty, from + PART);
    if (isEmpty) {
      versions.put(version).onsuccess = next;
    } else {
      putIfNewer(versions, version, next);
    }
  }
}

function putIfNewer(versions: IDBObjectStore, version: Version, done: () => void): void {
  const request = versions.get([version.topic, version.docKey]) as IDBRequest<Version | undefined>;
  request.onsuccess = () => {
    if (isNewer(version, request.result)) {
      versions.put(version);
    }
    done();
  };
}
