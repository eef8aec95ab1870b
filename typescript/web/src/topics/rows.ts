/** Documents of any topic as rows of a table: live ones, and those that were read page by page. */

import type { JsonObject, KhalaDocument } from "khala-client";
import type { Position } from "../admin";

export interface DocumentRow {
  readonly key: string;
  readonly version: bigint;
  readonly watermark: bigint;
  /** Empty: of no organisation. Null: not known here. */
  readonly organisation: string | null;
  readonly isDeleted: boolean;
  /** In milliseconds since 1970; null: not known here. */
  readonly updatedAt: number | null;
  readonly payload: JsonObject | null;
}

/** A document as `/api/admin/documents` has it. */
export interface ReadDocument {
  readonly doc_key: string;
  readonly doc_version: Position;
  readonly org_id: string | null;
  readonly deleted: boolean;
  readonly watermark: Position;
  readonly updated_at: string;
  readonly payload: JsonObject | null;
}

export interface DocumentPage {
  readonly documents: readonly ReadDocument[];
  readonly next: string | null;
}

export function rowOf(document: ReadDocument): DocumentRow {
  return {
    key: document.doc_key,
    version: BigInt(document.doc_version),
    watermark: BigInt(document.watermark),
    organisation: document.org_id ?? "",
    isDeleted: document.deleted,
    updatedAt: Date.parse(document.updated_at),
    payload: document.payload,
  };
}

/** When a document that is live was written, and whose it is. */
export interface Origin {
  readonly watermark: bigint;
  readonly organisation: string | null;
  readonly updatedAt: number;
}

const rows = new WeakMap<KhalaDocument, DocumentRow>();

/**
 * The row of a live document; the same object until the document changes, or its origin becomes
 * known. arrivedAt: when it came, if it was written just then.
 */
export function liveRow(
  document: KhalaDocument,
  origin: Origin | undefined,
  arrivedAt: number | null,
): DocumentRow {
  const { docKey, docVersion, watermark, payload } = document;
  const known = rows.get(document);
  const isOrigin = origin?.watermark === watermark;
  if (known !== undefined && (known.updatedAt !== null || !isOrigin)) {
    return known;
  }
  const row = {
    key: docKey,
    version: docVersion,
    watermark,
    organisation: origin?.organisation ?? null,
    isDeleted: false,
    updatedAt: isOrigin ? origin.updatedAt : arrivedAt,
    payload,
  };
  rows.set(document, row);
  return row;
}

/** What all keys begin with, up to a separator: it tells nothing between them. */
export function commonPrefix(keys: readonly string[]): string {
  const [first = ""] = keys;
  let length = first.length;
  for (const key of keys) {
    while (length > 0 && !key.startsWith(first.slice(0, length))) {
      length--;
    }
  }
  const end = Math.max(...[":", "/"].map((each) => first.slice(0, length).lastIndexOf(each)));
  return keys.length > 1 ? first.slice(0, end + 1) : "";
}
