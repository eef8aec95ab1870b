/** One sync run of a collection: what a topic shows becomes the collection's rows, batch by batch. */

import type { SyncConfig } from "@tanstack/db";
import type { KhalaClient } from "../client.js";
import { call } from "../host/observable.js";
import type { KhalaTopic } from "../topics/topic.js";
import type { KhalaDocument } from "../types.js";

/** Where the rows of a collection come from. */
export interface Source<T extends object, TKey extends string | number> {
  readonly client: KhalaClient;
  readonly topic: KhalaTopic;
  readonly row: (document: KhalaDocument) => T;
  readonly getKey: (row: T) => TKey;
  readonly readyOffline: boolean;
}

/** The collection's metadata under this key: the watermark that its rows cover, in decimal. */
export const WATERMARK = "khala.watermark";

type Sync<T extends object, TKey extends string | number> = SyncConfig<T, TKey>["sync"];
type Message<T extends object, TKey extends string | number> = Parameters<
  Parameters<Sync<T, TKey>>[0]["write"]
>[0];

/** The `sync` function of a collection; what it returns ends the run. */
export function followTopic<T extends object, TKey extends string | number>(
  source: Source<T, TKey>,
): Sync<T, TKey> {
  const { client, topic, readyOffline } = source;
  return ({ begin, write, commit, truncate, markReady, markError, metadata, collection }) => {
    let documents: readonly KhalaDocument[] = [];
    let watermark: bigint | null = null;
    /** The next complete state replaces the rows: those of a stale cursor, or of a rendered page. */
    let isReplaced = true;
    let isDue = false;
    let isOver = false;

    const step = () => {
      isDue = false;
      const next = topic.getSnapshot();
      const { watermark: covered, phase, error } = topic.getStatus();
      if (next !== documents || covered !== watermark) {
        const isWhole = isReplaced && covered !== null && next !== documents;
        const messages = changes(isWhole ? [] : documents, next, source);
        begin();
        if (isWhole) {
          isReplaced = false;
          truncate({ markReady: false });
        }
        try {
          for (const message of messages) {
            write(message);
          }
        } catch (error) {
          const abandoned = new AbortController();
          abandoned.abort();
          void commit(abandoned.signal);
          throw error;
        }
        if (covered === null) {
          metadata?.collection.delete(WATERMARK);
        } else {
          metadata?.collection.set(WATERMARK, String(covered));
        }
        documents = next;
        watermark = covered;
        // What throws here is a listener of the program's: the rows are in.
        call(() => void commit(), undefined);
      }
      if (phase === "live" || (readyOffline && covered !== null)) {
        call(markReady, undefined);
      } else if (collection.status === "loading") {
        const { state, error: given } = client.getStatus();
        if (phase === "error" || state === "error") {
          markError(error ?? given);
        }
      }
    };
    const guarded = () => {
      try {
        step();
      } catch (error) {
        // A function of the program's failed: from here on the rows would not be the documents.
        end();
        markError(error);
      }
    };
    // A topic moves documents and watermark in one turn: after it both are read at once.
    const schedule = () => {
      if (!isDue) {
        isDue = true;
        queueMicrotask(() => {
          if (!isOver) {
            guarded();
          }
        });
      }
    };
    const stops = [
      topic.subscribe(schedule),
      topic.onStatus(({ phase }) => {
        isReplaced ||= phase === "recovering";
        schedule();
      }),
      client.onStatus(schedule),
    ];
    const end = () => {
      isOver = true;
      for (const stop of stops) {
        stop();
      }
    };
    guarded();
    return end;
  };
}

/**
 * The messages that turn the rows of some documents into those of others. Deletions come first:
 * another document may take over the key of a row that goes.
 *
 * Both are read side by side as sorted by key, which they are unless only the newest are followed: then
 * what has moved is found twice. Of 100,000 documents, a change of one takes 0.7 ms; with a lookup of
 * each, 42.
 */
function changes<T extends object, TKey extends string | number>(
  before: readonly KhalaDocument[],
  after: readonly KhalaDocument[],
  { row, getKey }: Source<T, TKey>,
): Message<T, TKey>[] {
  const gone = new Map<string, KhalaDocument>();
  const come: KhalaDocument[] = [];
  let [old, now] = [0, 0];
  while (old < before.length || now < after.length) {
    const one = before[old];
    const other = after[now];
    if (one === other) {
      old++;
      now++;
      continue;
    }
    const isOld = one !== undefined && (other === undefined || one.docKey <= other.docKey);
    const isNew = other !== undefined && (one === undefined || other.docKey <= one.docKey);
    if (isOld) {
      gone.set(one.docKey, one);
      old++;
    }
    if (isNew) {
      come.push(other);
      now++;
    }
  }
  const writes: Message<T, TKey>[] = [];
  const deletions: Message<T, TKey>[] = [];
  const remove = (document: KhalaDocument) =>
    deletions.push({ type: "delete", key: getKey(row(document)) });
  for (const document of come) {
    const standing = gone.get(document.docKey);
    gone.delete(document.docKey);
    if (standing !== document) {
      const value = row(document);
      const isSame = standing !== undefined && getKey(row(standing)) === getKey(value);
      if (standing !== undefined && !isSame) {
        remove(standing);
      }
      writes.push({ type: isSame ? "update" : "insert", value });
    }
  }
  for (const document of gone.values()) {
    remove(document);
  }
  return [...deletions, ...writes];
}
