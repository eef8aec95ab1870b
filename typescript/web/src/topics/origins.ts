/** When live documents were written, and whose they are: the wire says neither. */

import { useEffect, useState } from "react";
import { readAdmin } from "../admin";
import type { DocumentPage, Origin } from "./rows";

const AT_ONCE = 10_000;
/** A call looks at so many documents; those behind all of these have no time until they change. */
const MOST_CALLS = 5;
const NONE: ReadonlyMap<string, Origin> = new Map();

/** Origins by key, read when the documents are live, and again when they are after a pause. */
export function useOrigins(
  topic: string,
  organisation: string,
  isLive: boolean,
): ReadonlyMap<string, Origin> {
  const [origins, setOrigins] = useState<ReadonlyMap<string, Origin>>(NONE);
  useEffect(() => {
    if (!isLive) {
      return undefined;
    }
    const abort = new AbortController();
    // Without them the table shows watermarks; the page says elsewhere that the server is away.
    read(topic, organisation, abort.signal).then(setOrigins, () => undefined);
    return () => abort.abort();
  }, [topic, organisation, isLive]);
  return origins;
}

/** Those of the organisation's documents, and of the public ones. */
async function read(
  topic: string,
  organisation: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Origin>> {
  const found = new Map<string, Origin>();
  for (const owner of [organisation, ""]) {
    let after: string | null = "";
    for (let call = 0; call < MOST_CALLS && after !== null; call++) {
      const given = new URLSearchParams({
        topic,
        after,
        org_id: owner,
        payload: "false",
        limit: String(AT_ONCE),
      });
      const page: DocumentPage = await readAdmin(`/api/admin/documents?${given}`, signal);
      for (const { doc_key: key, watermark, updated_at: at } of page.documents) {
        const updatedAt = Date.parse(at);
        found.set(key, { watermark: BigInt(watermark), organisation: owner, updatedAt });
      }
      after = page.next;
    }
  }
  return found;
}
