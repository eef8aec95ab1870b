/** A topic as it is now, or a part of it, read page by page over HTTP. */

import { failure, isKhalaError } from "../errors.js";
import { check } from "../host/timer.js";
import type { SnapshotPage } from "../wire/serializer.js";
import type { Version } from "./cache.js";
import { type Missing, patiently, type Resolved, resolve, type Supply, TRIES } from "./hydrate.js";
import { type Query, queriesOf, type Subset } from "./subset.js";

/** All visible documents of a topic, as of a watermark of an epoch. */
export interface Snapshot extends Resolved {
  readonly watermark: bigint;
  readonly epoch: string;
}

/**
 * Reads a snapshot. Throws the errors of HTTP requests. `onPage` is called with the versions of each
 * page; a snapshot that begins again brings them again, perhaps others.
 */
export async function readSnapshot(
  subset: Subset,
  supply: Supply,
  onPage?: (versions: readonly Version[]) => void,
): Promise<Snapshot> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      const snapshot = await readOnce(subset, supply, onPage);
      if (snapshot !== null) {
        return snapshot;
      }
    } catch (error) {
      // A purge or a restore overtook the first page: begin again.
      if (!isKhalaError(error, "stale_cursor")) {
        throw error;
      }
    }
  }
  throw failure("transport", `${subset.topic}: every snapshot became stale before its last page`);
}

/** Null: the epoch changed between two pages. */
async function readOnce(
  subset: Subset,
  supply: Supply,
  onPage?: (versions: readonly Version[]) => void,
): Promise<Snapshot | null> {
  const { http, signal } = supply;
  const queries = queriesOf(subset);
  let part = 0;
  const ask = (...more: Query) => {
    const query = [...(queries[part] ?? []), ...more];
    return patiently(() => http.snapshotPage(subset.topic, query, signal), supply);
  };
  const versions: Version[] = [];
  const missing: Missing[] = [];
  const first = await ask();
  const { epoch, watermark } = first;
  const askAfter = (docKey: string | null) => {
    const since = ["watermark", String(watermark)] as const;
    // The newest documents are one page.
    if (docKey !== null && subset.newest === null) {
      return ask(["after_doc_key", docKey], since);
    }
    return ++part < queries.length ? ask(since) : null;
  };
  for (let page: SnapshotPage | null = first; page !== null; ) {
    if (page.epoch !== epoch) {
      return null;
    }
    // The server makes the next page while this one is verified.
    const both: [Resolved, SnapshotPage | null] = await Promise.all([
      resolve(page.documents, () => undefined, supply),
      askAfter(page.nextDocKey),
    ]);
    versions.push(...both[0].versions);
    check(signal);
    onPage?.(both[0].versions);
    missing.push(...both[0].missing);
    page = both[1];
  }
  return { versions, missing, watermark, epoch };
}
