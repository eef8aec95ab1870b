/** When live documents were written, and whose they are: the wire says neither. */

import { useEffect, useState } from "react";
import { readAdmin } from "../admin";
import type { DocumentPage, Origin } from "./rows";

/** Of a larger topic, the documents after these have no time until they change. */
const MOST = 20_000;
const AT_ONCE = 10_000;
const NONE: ReadonlyMap<string, Origin> = new Map();

/** Origins by key, read when the documents are live, and again when they are after a pause. */
export function useOrigins(topic: string, isLive: boolean): ReadonlyMap<string, Origin> {
  const [origins, setOrigins] = useState<ReadonlyMap<string, Origin>>(NONE);
  useEffect(() => {
    if (!isLive) {
      return undefined;
    }
    const abort = new AbortController();
    // Without them the table shows watermarks; the page says elsewhere that the server is away.
    read(topic, abort.signal).then(setOrigins, () => undefined);
    return () => abort.abort();
  }, [topic, isLive]);
  return origins;
}

async function read(topic: string, signal: AbortSignal): Promise<Map<string, Origin>> {
  const found = new Map<string, Origin>();
  let after: string | null = null;
  do {
    const given = new URLSearchParams({ topic, payload: "false", limit: String(AT_ONCE) });
    if (after !== null) {
      given.set("after", after);
    }
    const page: DocumentPage = await readAdmin(`/api/admin/documents?${given}`, signal);
    for (const { doc_key: key, watermark, org_id: owner, updated_at: at } of page.documents) {
      const updatedAt = Date.parse(at);
      found.set(key, { watermark: BigInt(watermark), organisation: owner ?? "", updatedAt });
    }
    after = page.next;
  } while (after !== null && found.size < MOST);
  return found;
}
