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
   * Does what `decide` says, atomically. False when that is `conflict`: nothing was written, and
   * the caller commits everything it has instead.
   */
  commit(commit: Commit): Promise<boolean>;
  /** Forgets everything of every topic, as when the user signs out. */
  clear(): Promise<void>;
  /** Lets go of files and connections. */
  close(): Promise<void>;
}

export type Decision = "merge" | "replace" | "keep" | "conflict";

/**
 * What a commit does to a store that stands at `stored`.
 *
 * `merge`: put the versions that are newer, raise the watermark if it rises. `replace`: drop what
 * is there. `keep`: another tab is further in the same history, which includes all of this.
 * `conflict`: the store does not hold what the step builds upon.
 */
export function decide(stored: Cursor | null, { base, cursor, force }: Commit): Decision {
  const further = (than: Cursor) =>
    stored !== null && sameHistory(stored, than) && stored.watermark >= than.watermark;
  if (base !== null) {
    return further(base) ? "merge" : "conflict";
  }
  return further(cursor) && !force ? "keep" : "replace";
}

/** Whether watermarks of both count the same things. */
export function sameHistory(one: Cursor, other: Cursor): boolean {
  return one.epoch === other.epoch && one.org === other.org;
}
