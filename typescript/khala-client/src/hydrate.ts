/** Turns updates into versions: payloads fetched where there is only a pointer, hashes verified. */

import { isNewer, type Version } from "./cache.js";
import { AT_ONCE, TRIES } from "./constants.js";
import { isKhalaError, KhalaError } from "./errors.js";
import { payloadHash } from "./hash.js";
import type { HttpApi } from "./http.js";
import type { Update } from "./serializer.js";
import { type Backoff, sleep } from "./timer.js";
import type { Sha256 } from "./types.js";

/** What hydration and snapshots work with, for as long as `signal` is not aborted. */
export interface Supply {
  readonly http: HttpApi;
  readonly sha256: Sha256 | undefined;
  readonly backoff: Backoff;
  readonly signal: AbortSignal;
}

/**
 * The versions behind some updates of one topic.
 *
 * Left out are updates that are not above what is `known`, or that a later one of the same document
 * supersedes, and pointers to what is gone: a tombstone follows. Throws `payload_hash_mismatch`,
 * `hydration_behind`, or what HTTP requests throw.
 */
export async function resolve(
  updates: readonly Update[],
  known: (docKey: string) => Version | undefined,
  supply: Supply,
): Promise<Version[]> {
  const last = new Map<string, Update>();
  for (const update of updates) {
    if (isNewer(update, last.get(update.docKey))) {
      last.set(update.docKey, update);
    }
  }
  const wanted = [...last.values()].filter((update) => isNewer(update, known(update.docKey)));
  const versions = await Promise.all(wanted.map((update) => verified(update, supply.sha256)));
  let next = 0;
  const worker = async () => {
    while (next < wanted.length) {
      const index = next++;
      versions[index] ??= await fetchDocument(wanted[index] as Update, supply);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return versions.filter((version) => version !== null);
}

/** Asks again while the server cannot be reached; the last failure is thrown. */
export async function patiently<T>(ask: () => Promise<T>, supply: Supply, attempt = 0): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const passes = isKhalaError(error, "transport") || isKhalaError(error, "internal");
    if (!passes || supply.signal.aborted || attempt + 1 >= TRIES) {
      throw error;
    }
    await sleep(supply.backoff(attempt, error.retryAfterMs), supply.signal);
    return patiently(ask, supply, attempt + 1);
  }
}

async function fetchDocument(announced: Update, supply: Supply): Promise<Version | null> {
  const { topic, docKey, docVersion } = announced;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const found = await patiently(() => supply.http.document(topic, docKey, supply.signal), supply);
    if (found === null) {
      return null;
    }
    const version = await verified(found, supply.sha256);
    const isSame = !isNewer(found, announced) && !isNewer(announced, found);
    if (version === null || (isSame && found.payloadHash !== announced.payloadHash)) {
      throw new KhalaError(
        "payload_hash_mismatch",
        `${topic} ${docKey}: the payload does not have the hash that was announced`,
        { docKey },
      );
    }
    if (!isNewer(announced, found)) {
      return version;
    }
    await sleep(supply.backoff(attempt), supply.signal);
  }
  throw new KhalaError(
    "hydration_behind",
    `${topic} ${docKey}: the server is behind the version ${docVersion} that it announced`,
    { docKey },
  );
}

/** The update as a version; null if its payload is missing or is not what was announced. */
async function verified(update: Update, sha256: Sha256 | undefined): Promise<Version | null> {
  const { canonical, ...version } = update;
  if (!version.deleted && (version.payload === null || !(await isAnnounced(update, sha256)))) {
    return null;
  }
  return version;
}

async function isAnnounced(
  { payload, payloadHash: announced, canonical }: Update,
  sha256?: Sha256,
) {
  try {
    return (await payloadHash(payload, sha256, canonical)) === announced;
  } catch (error) {
    if (isKhalaError(error, "not_i_json")) {
      return false;
    }
    throw error;
  }
}
