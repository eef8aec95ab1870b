/**
 * The data kept across restarts: for each topic its documents and the watermark that covers them.
 *
 * A watermark is only ever saved together with, or after, the documents it covers. A store that
 * loses its last commits is merely older; one that had the watermark without the documents would
 * hide them for good.
 */

import { failure } from "../errors.js";
import { within } from "../host/timer.js";
import type { Version } from "../topics/cache.js";

/**
 * Everything up to `watermark` has been seen, counted within `epoch`, by a reader of `org`: of an
 * organisation, or of the part of its documents that a token was narrowed to.
 */
export interface Cursor {
  readonly watermark: bigint;
  readonly epoch: string;
  readonly org: string;
}

/** The stored part of a topic. */
export interface Stored {
  readonly cursor: Cursor;
  readonly versions: readonly Version[];
}

/** Called with some of the versions of a topic that has a cursor, before there are all of them. */
export type OnPart = (versions: readonly Version[]) => void;

/** One step forward of one topic, to be saved as a whole or not at all. */
export interface Commit {
  readonly topic: string;
  /** Where the step begins; null: `versions` are all there are. */
  readonly base: Cursor | null;
  readonly versions: readonly Version[];
  readonly cursor: Cursor;
  /** Replace even a cursor that is further: the server does not have that history. */
  readonly force: boolean;
}

/** Several tabs or processes may use one store: `commit` compares, in the transaction that writes. */
export interface KhalaStore {
  /** The stored part of a topic; null when nothing is stored. A store may leave `onPart` out. */
  load(topic: string, onPart?: OnPart): Promise<Stored | null>;
  /**
   * Executes `plan` atomically. False when the plan is null: nothing was written, and the caller
   * commits everything it has instead.
   */
  commit(commit: Commit): Promise<boolean>;
  /** Deletes every topic, as when the user signs out. */
  clear(): Promise<void>;
  /** Closes files and connections. */
  close(): Promise<void>;
}

/** The effects of a commit on a store, in one transaction and in this order. */
export interface Plan {
  /** Drop all versions of the topic. */
  readonly replaces: boolean;
  /** Put each of these that `isNewer` than the stored one. */
  readonly versions: readonly Version[];
  /** Set the cursor; null: leave it. */
  readonly cursor: Cursor | null;
}

/** The plan for a commit to a store that stands at `stored`; null: conflict, write nothing. */
export function plan(stored: Cursor | null, commit: Commit): Plan | null {
  const { base, cursor, versions, force } = commit;
  const further = (than: Cursor) =>
    stored !== null && sameHistory(stored, than) && stored.watermark >= than.watermark;
  if (base === null) {
    // Another tab may be further in the same history, which includes all of this.
    const keeps = further(cursor) && !force;
    return keeps
      ? { replaces: false, versions: [], cursor: null }
      : { replaces: true, versions, cursor };
  }
  if (stored === null || !further(base)) {
    return null;
  }
  // Up to its watermark the store is complete: a document that it lacks there has been deleted
  // since, and must not return.
  return {
    replaces: false,
    versions: versions.filter((version) => version.watermark > stored.watermark),
    cursor: cursor.watermark > stored.watermark ? cursor : null,
  };
}

/** The store under time limits. Until a call that took too long has ended, others fail at once. */
export function limited(store: KhalaStore): KhalaStore {
  let late = 0;
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    if (late > 0) {
      throw failure("store", `${what}: an earlier call has not ended yet`);
    }
    let isOver = false;
    let isLate = false;
    const end = () => {
      isOver = true;
      late -= Number(isLate);
    };
    try {
      return await within(() => work().finally(end), "store", what);
    } finally {
      isLate = !isOver;
      late += Number(isLate);
    }
  };
  return {
    load: (topic, onPart) => call(topic, () => store.load(topic, onPart)),
    commit: (commit) => call(commit.topic, () => store.commit(commit)),
    clear: () => call("clear", () => store.clear()),
    close: () => call("close", () => store.close()),
  };
}

/** A queue: work begins when the work before it has ended, and fails alone. */
export function makeQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}

/** Whether watermarks of both count the same things. */
export function sameHistory(one: Cursor, other: Cursor): boolean {
  return one.epoch === other.epoch && one.org === other.org;
}
