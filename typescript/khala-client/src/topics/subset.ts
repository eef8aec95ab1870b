/** The part of a topic that is followed, in the forms that server and store need. */

import { failure } from "../errors.js";
import type { TopicFilter } from "../types.js";
import { canonicalJson } from "./hash.js";

/** Names and values of a query. */
export type Query = readonly (readonly [string, string])[];

export interface Subset {
  readonly topic: string;
  /** The same text for the same filter; null: the whole topic. */
  readonly canonical: string | null;
  /** The filter of `sync:subscribe`. */
  readonly filter: { readonly keys: readonly string[] } | { readonly prefix: string } | null;
  /** The most documents that are shown, those that changed last. */
  readonly newest: number | null;
}

/** The part of a topic that a filter stands for. Throws `usage`, `not_i_json`. */
export function subsetOf(topic: string, filter?: TopicFilter): Subset {
  const {
    keys,
    prefix = "",
    newest,
  } = (filter ?? {}) as {
    readonly keys?: readonly string[];
    readonly prefix?: string;
    readonly newest?: number;
  };
  if (keys?.length === 0) {
    // A query of no keys has every document of the topic.
    throw failure("usage", "keys is empty: pass one at least, or follow nothing");
  }
  if (newest !== undefined && !(Number.isSafeInteger(newest) && newest > 0)) {
    throw failure("usage", `newest is ${newest}: pass a whole number from 1`);
  }
  const sorted = keys && { keys: [...new Set(keys)].sort() };
  const part = sorted ?? (prefix === "" ? null : { prefix });
  const all = { ...part, ...(newest === undefined ? {} : { newest }) };
  return {
    topic,
    canonical: part === null && newest === undefined ? null : canonicalJson(all),
    filter: part,
    newest: newest ?? null,
  };
}

/** A URL of this length passes proxies. */
const LONGEST_QUERY = 4_000;

/** The queries of a snapshot: one after the other they have every document. */
export function queriesOf({ filter, newest }: Subset): readonly Query[] {
  if (filter !== null && "keys" in filter) {
    return inParts(filter.keys).map((keys) => keys.map((key) => ["key", key] as const));
  }
  const query: [string, string][] = filter === null ? [] : [["prefix", filter.prefix]];
  if (newest !== null) {
    query.push(["order", "newest"], ["limit", String(newest)]);
  }
  return [query];
}

function inParts(keys: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let length = 0;
  for (const key of keys) {
    length += encodeURIComponent(key).length + "&key=".length;
    if (length > LONGEST_QUERY && (parts.at(-1) as string[]).length > 0) {
      parts.push([]);
      length = encodeURIComponent(key).length;
    }
    (parts.at(-1) as string[]).push(key);
  }
  return parts;
}
