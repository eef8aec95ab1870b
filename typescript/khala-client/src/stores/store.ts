/**
 * What is kept across restarts: per topic its documents and the watermark that covers them.
 *
 * A watermark is only ever saved together with, or after, the documents it covers. A store that
 * loses its last commits is merely older; one that had the watermark without the documents would
 * hide them for good.
 */

import type { Version } from "../cache.js";

/** Everything up to `watermark` has been seen, counted within `epoch`, by a reader of `org`. */
export interface Cursor {
  readonly watermark: bigint;
  readonly epoch: string;
  readonly org: string;
}

/** What a store holds of a topic. */
export interface Stored {
  readonly cursor: Cursor;
  readonly versions: readonly Version[];
}

/** One step forward of one topic, to be saved as a whole or not at all. */
export interface Commit {
  readonly topic: string;
  /** Where the step begins; null: `versions` are all there are. */
  readonly base: Cursor | null;
  readonly versions: readonly Version[];
  readonly cursor: Cursor;
  /** Replace even what reaches further: the server does not know that history. */
  readonly force: boolean;
}

/** Several tabs or processes may use one store: `commit` compares, in the transaction that writes. */
export interface KhalaStore {
  /** What was saved of a topic; null when nothing was. */
  load(topic: string): Promise<Stored | null>;
  /**
   * Does what `plan` says, atomically. False when it says null: nothing was written, and the
   * caller commits everything it has instead.
   */
  commit(commit: Commit): Promise<boolean>;
  /** Forgets everything of every topic, as when the user signs out. */
  clear(): Promise<void>;
  /** Lets go of files and connections. */
  close(): Promise<void>;
}

/** What a commit does to what is stored, in one transaction and in this order. */
export interface Plan {
  /** Drop all versions of the topic. */
  readonly replaces: boolean;
  /** Put each of these that `isNewer` than what is there. */
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
  // Up to its watermark the store is complete: what it lacks there has been deleted since, and may
  // not come back.
  return {
    replaces: false,
    versions: versions.filter((version) => version.watermark > stored.watermark),
    cursor: cursor.watermark > stored.watermark ? cursor : null,
  };
}

/** Whether watermarks of both count the same things. */
export function sameHistory(one: Cursor, other: Cursor): boolean {
  return one.epoch === other.epoch && one.org === other.org;
}
