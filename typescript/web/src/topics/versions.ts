/** Versions of a document, as the journal has them. */

import type { JsonObject } from "khala-client";
import { useEffect, useRef, useState } from "react";
import { type AdminError, type Position, readAdmin, useAdmin } from "../admin";

export interface Version {
  readonly watermark: Position;
  readonly doc_version: Position;
  readonly org_id: string | null;
  readonly deleted: boolean;
  readonly inserted_at: string;
  /** Null: a tombstone, or not kept in the journal. */
  readonly payload: JsonObject | null;
  readonly payload_bytes: number | null;
}

interface VersionPage {
  readonly versions: readonly Version[];
  readonly retention_floor: Position;
  readonly next: Position | null;
}

export interface Versions {
  /** Newest first; null: not read yet. */
  readonly versions: readonly Version[] | null;
  readonly floor: Position | null;
  /** Reads older ones; null: there are none. */
  readonly readOlder: (() => void) | null;
  readonly isReading: boolean;
  readonly error: AdminError | null;
}

const AT_ONCE = 50;
const NO_PAGES: readonly VersionPage[] = [];

/** Versions of a document. newest: its version as far as it is known; another reads them again. */
export function useVersions(topic: string, key: string, newest: bigint | null): Versions {
  const path = pathOf(topic, key, AT_ONCE, null);
  const { data, error, refresh } = useAdmin<VersionPage>(path, 0);
  const [older, setOlder] = useState(NO_PAGES);
  const [failure, setFailure] = useState<AdminError | null>(null);
  const [isReading, setReading] = useState(false);
  const abort = useRef(new AbortController());
  useEffect(() => {
    const own = new AbortController();
    abort.current = own;
    return () => own.abort();
  }, []);
  const known = data?.versions[0];
  const isBehind = known !== undefined && newest !== null && newest > BigInt(known.doc_version);
  useEffect(() => {
    if (isBehind) {
      refresh();
    }
  }, [isBehind, refresh]);

  const pages = data === null ? older : [data, ...older];
  const last = pages.at(-1);
  const next = last?.next ?? null;
  const readOlder = async () => {
    setReading(true);
    try {
      const page = await readAdmin<VersionPage>(
        pathOf(topic, key, AT_ONCE, next),
        abort.current.signal,
      );
      setOlder([...older, page]);
      setFailure(null);
    } catch (thrown) {
      if (!abort.current.signal.aborted) {
        setFailure(thrown as AdminError);
      }
    } finally {
      setReading(false);
    }
  };
  return {
    versions: data && merged(pages),
    floor: last?.retention_floor ?? null,
    readOlder: next === null || isReading ? null : () => void readOlder(),
    isReading,
    error: failure ?? error,
  };
}

/** One version and the one before it, which may be older than those of the list. */
export function useVersion(
  topic: string,
  key: string,
  watermark: string | null,
  listed: readonly Version[] | null,
) {
  const isListed = listed?.some((each) => String(each.watermark) === watermark) ?? true;
  const isNumber = watermark !== null && /^\d+$/.test(watermark);
  const path = isListed || !isNumber ? null : pathOf(topic, key, 2, String(BigInt(watermark) + 1n));
  return useAdmin<VersionPage>(path, 0);
}

function pathOf(topic: string, key: string, limit: number, before: Position | null): string {
  const given = new URLSearchParams({ topic, doc_key: key, limit: String(limit) });
  if (before !== null) {
    given.set("before", String(before));
  }
  return `/api/admin/history?${given}`;
}

/** All of them once: a page that is read again may hold what an older one held. */
function merged(pages: readonly VersionPage[]): readonly Version[] {
  const all = new Map<string, Version>();
  for (const { versions } of pages) {
    for (const version of versions) {
      const key = String(version.watermark);
      if (!all.has(key)) {
        all.set(key, version);
      }
    }
  }
  return [...all.values()];
}
