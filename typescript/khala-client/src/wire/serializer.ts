/** Phoenix V2 text frames and the values inside them: JSON in, typed values out, and back. */

import {
  type AnyKhalaError,
  failure,
  KhalaError,
  type KhalaErrorCode,
  type StaleTopic,
} from "../errors.js";
import type { JsonObject } from "../types.js";

/** One message of the socket. */
export interface Frame {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: JsonObject;
  /** The content of `payload`, where a lane has read it already. */
  readonly batch?: Batch;
}

/** One version of a document as announced. `payload` is null for a pointer or a tombstone. */
export interface Update {
  readonly topic: string;
  readonly docKey: string;
  readonly docVersion: bigint;
  readonly watermark: bigint;
  /** Base64 of the 32 bytes. */
  readonly payloadHash: string;
  readonly deleted: boolean;
  readonly payload: JsonObject | null;
  /** The canonical form, where the server sent it: the bytes that were hashed. */
  readonly canonical?: Uint8Array<ArrayBuffer>;
}

/** Watermarks by topic. */
export type Watermarks = ReadonlyMap<string, bigint>;

/** The payload of `sync:update_batch`. */
export interface Batch {
  readonly updates: readonly Update[];
  readonly replayComplete: boolean;
  readonly heads: Watermarks;
  readonly covered: Watermarks;
}

/** One page of a topic's documents as they are now. */
export interface SnapshotPage {
  readonly epoch: string;
  readonly watermark: bigint;
  readonly documents: readonly Update[];
  /** Where the next page begins; null on the last. */
  readonly nextDocKey: string | null;
}

/** Reads one message. Throws `protocol`. */
export function decodeFrame(data: unknown): Frame {
  const frame = list([parse(data)], 0);
  const [joinRef, ref] = frame;
  return {
    joinRef: joinRef === null ? null : String(joinRef),
    ref: ref === null ? null : String(ref),
    topic: text(frame, 2),
    event: text(frame, 3),
    payload: object(frame, 4),
  };
}

/** Parses JSON. Throws `protocol`. */
export function parse(data: unknown): unknown {
  try {
    return JSON.parse(text([data], 0));
  } catch (error) {
    throw failure("protocol", "the server sent invalid JSON", error);
  }
}

export function readBatch(payload: JsonObject): Batch {
  return {
    updates: list(payload, "updates").map(readUpdate),
    replayComplete: payload["replay_complete"] === true,
    heads: watermarks(payload, "head_watermarks"),
    covered: watermarks(payload, "covered_watermarks"),
  };
}

export function readUpdate(value: unknown): Update {
  const fields = object([value], 0);
  const deleted = fields["deleted"] === true;
  const payload = fields["payload"];
  const bare = deleted || fields["hydration_required"] === true;
  if ((payload == null) !== bare) {
    throw unfit("payload");
  }
  return {
    topic: text(fields, "topic"),
    docKey: text(fields, "doc_key"),
    docVersion: counter(fields, "doc_version"),
    watermark: counter(fields, "watermark"),
    payloadHash: deleted ? "" : text(fields, "payload_hash"),
    deleted,
    payload: bare ? null : object(fields, "payload"),
  };
}

export function readSnapshotPage(value: unknown): SnapshotPage {
  const fields = object([value], 0);
  return {
    epoch: text(fields, "epoch"),
    watermark: counter(fields, "watermark"),
    documents: list(fields, "documents").map(readUpdate),
    nextDocKey: fields["complete"] === true ? null : text(fields, "next_doc_key"),
  };
}

/** A list of `{topic, watermark}` by topic; absent is empty. */
export function watermarks(payload: JsonObject, name: string): Watermarks {
  return new Map(
    list(payload, name).map((entry) => {
      const fields = object([entry], 0);
      return [text(fields, "topic"), counter(fields, "watermark")];
    }),
  );
}

/** Error codes of the server that a program sees unchanged; every other one is `internal`. */
const CODES: ReadonlySet<string> = new Set<KhalaErrorCode>([
  "stale_cursor",
  "forbidden_topic",
  "unauthorized",
  "bad_subscription",
  "payload_too_large",
  "rate_limited",
  "bad_frame",
]);

/** The error that a `sync:error` payload, an error reply or an HTTP body stands for. */
export function readError(payload: JsonObject): AnyKhalaError {
  const told = String(payload["code"]);
  const message = String(payload["message"] ?? payload["reason"] ?? told);
  const topics =
    told === "stale_cursor"
      ? list(payload, "stale_topics").map(readStale)
      : list([payload["topics"] ?? payload["forbidden_topics"]], 0).map(String);
  const [code, text] = CODES.has(told) ? [told, message] : ["internal", `${message} (${told})`];
  const wait = Number(payload["retry_after_ms"]) || 0;
  return new KhalaError(code as KhalaErrorCode, text, { topics }, wait) as AnyKhalaError;
}

function readStale(value: unknown): StaleTopic {
  const fields = object([value], 0);
  const optional = (name: string) => (fields[name] == null ? null : counter(fields, name));
  return {
    topic: text(fields, "topic"),
    resumeAfter: optional("resume_after"),
    retentionFloor: optional("retention_floor"),
    reason: fields["reason"] == null ? null : text(fields, "reason"),
  };
}

type Fields = Readonly<Record<string | number, unknown>> | readonly unknown[];

/** A member of any type; the readers below throw `protocol` for a wrong one. */
function member(fields: Fields, name: string | number): unknown {
  return (fields as Readonly<Record<string | number, unknown>>)[name];
}

function counter(fields: Fields, name: string): bigint {
  const value = asCounter(member(fields, name));
  if (value === null) {
    throw unfit(name);
  }
  return value;
}

/** A number up to 2^53 - 1, a string of digits above; null for anything else. */
export function asCounter(value: unknown): bigint | null {
  const isCounter =
    Number.isSafeInteger(value) || (typeof value === "string" && /^-?\d+$/.test(value));
  return isCounter ? BigInt(value as number | string) : null;
}

export function object(fields: Fields, name: string | number): JsonObject {
  const value = member(fields, name);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw unfit(name);
}

function text(fields: Fields, name: string | number): string {
  const value = member(fields, name);
  if (typeof value === "string") {
    return value;
  }
  throw unfit(name);
}

function list(fields: Fields, name: string | number): readonly unknown[] {
  const value = member(fields, name) ?? [];
  if (Array.isArray(value)) {
    return value;
  }
  throw unfit(name);
}

/** An error that names the field which is missing or has a value that it cannot have. */
export function unfit(name: string | number): AnyKhalaError {
  return failure("protocol", `the server sent an invalid ${name || "message"}`);
}
