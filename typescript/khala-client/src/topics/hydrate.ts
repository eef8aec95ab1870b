/** Turns updates into versions: payloads fetched where there is only a pointer, hashes verified. */

import { type AnyKhalaError, asKhalaError, isKhalaError, KhalaError } from "../errors.js";
import { type Backoff, check, sleep, within } from "../host/timer.js";
import type { JsonObject } from "../types.js";
import type { HttpApi } from "../wire/http.js";
import type { Update } from "../wire/serializer.js";
import { isNewer, type Version } from "./cache.js";
import { canonicalJson, type Hash } from "./hash.js";

/** The tries for a snapshot before the topic starts over. */
export const TRIES = 5;
/** The most documents that are fetched at once. */
const AT_ONCE = 4;

/** The tools of hydration and snapshots, usable until `signal` is aborted. */
export interface Supply {
  readonly http: HttpApi;
  readonly hash: Hash;
  readonly backoff: Backoff;
  readonly signal: AbortSignal;
}

/** An update whose payload could not be had, and the reason. */
export interface Missing {
  readonly update: Update;
  readonly error: AnyKhalaError;
}

/** What some updates stand for: no document keeps the others from being shown. */
export interface Resolved {
  readonly versions: readonly Version[];
  readonly missing: readonly Missing[];
}

/**
 * The versions behind some updates of one topic.
 *
 * Left out are updates that are not above the `known` version, or that a later one of the same
 * document supersedes, and pointers to a document that is gone: a tombstone follows. Throws when
 * `sha256` fails, and once the signal is aborted.
 */
export async function resolve(
  updates: readonly Update[],
  known: (docKey: string) => Version | undefined,
  supply: Supply,
): Promise<Resolved> {
  const last = new Map<string, Update>();
  for (const update of updates) {
    const { docKey } = update;
    if (isNewer(update, last.get(docKey) ?? known(docKey))) {
      last.set(docKey, update);
    }
  }
  const wanted = [...last.values()];
  const verify = () => Promise.all(wanted.map((update) => verified(update, supply.hash)));
  const versions = await within(verify, "transport", "sha256");
  const missing: Missing[] = [];
  let next = 0;
  const worker = async () => {
    while (next < wanted.length) {
      const index = next++;
      const update = wanted[index] as Update;
      try {
        versions[index] ??= await fetchDocument(update, supply);
      } catch (error) {
        check(supply.signal);
        missing.push({ update, error: asKhalaError(error, "transport", update.docKey) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { versions: versions.filter((version) => version !== null), missing };
}

/** Tries again while the server cannot be reached; throws the last error. */
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
  const failed = (code: "payload_hash_mismatch" | "hydration_behind", why: string) =>
    new KhalaError(code, `${topic} ${docKey}: ${why}`, { docKey });
  const found = await supply.http.document(topic, docKey, supply.signal);
  if (found === null) {
    return null;
  }
  if (isNewer(announced, found)) {
    throw failed("hydration_behind", `the server has no version ${docVersion} yet`);
  }
  const version = await within(() => verified(found, supply.hash), "transport", "sha256");
  const isSame = !isNewer(found, announced);
  if (version === null || (isSame && found.payloadHash !== announced.payloadHash)) {
    throw failed("payload_hash_mismatch", "the payload does not have the announced hash");
  }
  return version;
}

/** The update as a version; null if its payload is missing or does not have the announced hash. */
function verified(update: Update, hash: Hash): Version | null | Promise<Version | null> {
  const { canonical, ...version } = update;
  if (version.deleted) {
    return version;
  }
  const text = canonical ?? canonicalOf(version.payload);
  const judge = (found: string) => (found === version.payloadHash ? version : null);
  const found = text === null ? "" : hash(text);
  return typeof found === "string" ? judge(found) : found.then(judge);
}

function canonicalOf(payload: JsonObject | null): string | null {
  try {
    return payload && canonicalJson(payload);
  } catch (error) {
    if (isKhalaError(error, "not_i_json")) {
      return null;
    }
    throw error;
  }
}
