/** A topic as it is now, read page by page over HTTP. */

import type { Version } from "./cache.js";
import { TRIES } from "./constants.js";
import { failure, isKhalaError } from "./errors.js";
import { patiently, resolve, type Supply } from "./hydrate.js";

/** All documents of a topic that are ours to see, as of a watermark of an epoch. */
export interface Snapshot {
  readonly versions: readonly Version[];
  readonly watermark: bigint;
  readonly epoch: string;
}

/** Reads a snapshot. Throws what HTTP requests and `resolve` throw. */
export async function readSnapshot(topic: string, supply: Supply): Promise<Snapshot> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      const snapshot = await readOnce(topic, supply);
      if (snapshot !== null) {
        return snapshot;
      }
    } catch (error) {
      // A purge or a restore overtook the first page: what it began is of no use.
      if (!isKhalaError(error, "stale_cursor")) {
        throw error;
      }
    }
  }
  throw failure("transport", `${topic}: snapshots were out of date before they were finished`);
}

/** Null: the epoch changed between two pages. */
async function readOnce(topic: string, supply: Supply): Promise<Snapshot | null> {
  const { http, signal } = supply;
  const ask = (after?: { docKey: string; watermark: bigint }) =>
    patiently(() => http.snapshotPage(topic, signal, after), supply);
  const versions: Version[] = [];
  let page = await ask();
  const { epoch, watermark } = page;
  for (;;) {
    versions.push(...(await resolve(page.documents, () => undefined, supply)));
    if (page.nextDocKey === null) {
      return { versions, watermark, epoch };
    }
    page = await ask({ docKey: page.nextDocKey, watermark });
    if (page.epoch !== epoch) {
      return null;
    }
  }
}
