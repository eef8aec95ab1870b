/** Snapshots as the relay serves them: docs/reference/http.md. */

import { type AnyKhalaError, KhalaError } from "khala-client";
import { isObject, type Summary, type SummaryDocument } from "../summary";

export interface Snapshot {
  readonly watermark: bigint;
  readonly documents: readonly SummaryDocument[];
}

const TRIES = 3;

/** All documents of a topic. Throws AnyKhalaError. */
export async function readSnapshot(
  topic: string,
  token: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readPages(topic, token, signal);
    } catch (error) {
      // Between two pages the journal was purged or the database restored: begin again.
      if (!(error instanceof KhalaError && error.code === "stale_cursor") || attempt === TRIES) {
        throw error;
      }
    }
  }
}

async function readPages(topic: string, token: string, signal: AbortSignal): Promise<Snapshot> {
  const documents: SummaryDocument[] = [];
  const base = `/api/sync/snapshot/${encodeURIComponent(topic)}`;
  let query = "";
  for (;;) {
    const page = await get(base + query, token, signal);
    const { epoch, watermark, next_doc_key: next, documents: found } = page;
    if (!Array.isArray(found)) {
      throw protocolError(`${topic}: a snapshot page without documents`);
    }
    for (const each of found) {
      documents.push(await readDocument(topic, each, token, signal));
    }
    if (page["complete"] === true || typeof next !== "string") {
      return { watermark: counter(watermark), documents };
    }
    query = `?after_doc_key=${encodeURIComponent(next)}&watermark=${counter(watermark)}`;
    if (typeof epoch !== "string") {
      throw protocolError(`${topic}: a snapshot page without epoch`);
    }
  }
}

async function readDocument(
  topic: string,
  update: unknown,
  token: string,
  signal: AbortSignal,
): Promise<SummaryDocument> {
  if (!isObject(update) || typeof update["doc_key"] !== "string") {
    throw protocolError(`${topic}: a document without key`);
  }
  const key = update["doc_key"];
  const whole =
    update["hydration_required"] === true
      ? await get(
          `/api/sync/documents/${encodeURIComponent(topic)}/${encodeURIComponent(key)}`,
          token,
          signal,
        )
      : update;
  return {
    topic,
    docKey: key,
    docVersion: counter(whole["doc_version"]),
    watermark: counter(whole["watermark"]),
    payloadHash: String(whole["payload_hash"]),
    payload: isObject(whole["payload"]) ? whole["payload"] : {},
  };
}

async function get(path: string, token: string, signal: AbortSignal): Promise<Summary> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, {
      headers: { Authorization: `Bearer ${token}` },
      cache: "no-store",
      signal,
    });
    body = await response.json();
  } catch (cause) {
    throw new KhalaError("transport", `GET ${path} failed: ${cause}`, {}, 0, { cause });
  }
  if (response.ok && isObject(body)) {
    return body;
  }
  const { code, message } = isObject(body) ? body : {};
  const said = `the server answered ${response.status}: ${message ?? "nothing more"}`;
  if (code === "stale_cursor") {
    throw new KhalaError("stale_cursor", said, { topics: [] });
  }
  throw new KhalaError(response.status === 401 ? "unauthorized" : "transport", said, {});
}

function counter(value: unknown): bigint {
  if ((typeof value === "number" && Number.isSafeInteger(value)) || typeof value === "string") {
    return BigInt(value);
  }
  throw protocolError(`${value} is not a counter`);
}

function protocolError(message: string): AnyKhalaError {
  return new KhalaError("protocol", message, {}) as AnyKhalaError;
}
