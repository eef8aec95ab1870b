/** Phoenix V2 text frames and the values inside them: JSON in, typed values out, and back. */

import { type AnyKhalaError, failure, KhalaError, type StaleTopic } from "./errors.js";
import type { JsonObject } from "./types.js";

/** One message of the socket. */
export interface Frame {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: JsonObject;
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

export function encodeFrame(
  joinRef: string | null,
  ref: string,
  topic: string,
  event: string,
  payload: object,
): string {
  return JSON.stringify([joinRef, ref, topic, event, payload]);
}

/** Reads one message. Throws `protocol`. */
export function decodeFrame(data: unknown): Frame {
  const message = parse(data);
  if (Array.isArray(message) && message.length === 5) {
    const [joinRef, ref, topic, event, payload] = message as unknown[];
    return {
      joinRef: joinRef === null ? null : text(joinRef, "join_ref"),
      ref: ref === null ? null : text(ref, "ref"),
      topic: text(topic, "topic"),
      event: text(event, "event"),
      payload: object(payload, "payload"),
    };
  }
  throw failure("protocol", "the server sent what is no Phoenix V2 message");
}

/** Parses JSON. Throws `protocol`. */
export function parse(data: unknown): unknown {
  try {
    return JSON.parse(text(data, "message"));
  } catch (error) {
    throw failure("protocol", "the server sent what is not JSON", error);
  }
}

export function readBatch(payload: JsonObject): Batch {
  return {
    updates: list(payload["updates"], "updates").map(readUpdate),
    replayComplete: payload["replay_complete"] === true,
    heads: watermarks(payload["head_watermarks"]),
    covered: watermarks(payload["covered_watermarks"]),
  };
}

export function readUpdate(value: unknown): Update {
  const fields = object(value, "update");
  const deleted = fields["deleted"] === true;
  const payload = fields["payload"];
  const bare = deleted || fields["hydration_required"] === true;
  if ((payload == null) !== bare) {
    throw failure("protocol", "an update has a payload unless it is a pointer or a tombstone");
  }
  return {
    topic: text(fields["topic"], "topic"),
    docKey: text(fields["doc_key"], "doc_key"),
    docVersion: counter(fields["doc_version"], "doc_version"),
    watermark: counter(fields["watermark"], "watermark"),
    payloadHash: deleted ? "" : text(fields["payload_hash"], "payload_hash"),
    deleted,
    payload: bare ? null : object(payload, "payload"),
  };
}

export function readSnapshotPage(value: unknown): SnapshotPage {
  const fields = object(value, "snapshot");
  return {
    epoch: text(fields["epoch"], "epoch"),
    watermark: counter(fields["watermark"], "watermark"),
    documents: list(fields["documents"], "documents").map(readUpdate),
    nextDocKey: fields["complete"] === true ? null : text(fields["next_doc_key"], "next_doc_key"),
  };
}

/** `[{topic, watermark}…]` by topic; absent is empty. */
export function watermarks(value: unknown): Watermarks {
  return new Map(
    list(value, "watermarks").map((entry) => {
      const fields = object(entry, "watermark");
      return [text(fields["topic"], "topic"), counter(fields["watermark"], "watermark")];
    }),
  );
}

/** The error that a `sync:error` payload, an error reply or an HTTP body stands for. */
export function readError(payload: JsonObject): AnyKhalaError {
  const code = String(payload["code"]);
  const message = String(payload["message"] ?? payload["reason"] ?? code);
  const wait = Number(payload["retry_after_ms"]) || 0;
  return known(code, message, payload, wait) as AnyKhalaError;
}

function known(code: string, message: string, payload: JsonObject, wait: number): KhalaError {
  switch (code) {
    case "stale_cursor":
      return new KhalaError(
        code,
        message,
        { topics: list(payload["stale_topics"], "stale_topics").map(readStale) },
        wait,
      );
    case "forbidden_topic":
      return new KhalaError(
        code,
        message,
        { topics: list(payload["forbidden_topics"], "forbidden_topics").map(String) },
        wait,
      );
    case "unauthorized":
    case "bad_subscription":
    case "payload_too_large":
    case "rate_limited":
    case "bad_frame":
      return new KhalaError(code, message, {}, wait);
  }
  // What this client does not know is treated like `internal`: tried again.
  return new KhalaError("internal", `${message} (${code})`, {}, wait);
}

function readStale(value: unknown): StaleTopic {
  const fields = object(value, "stale_topics");
  const { resume_after, retention_floor, reason } = fields;
  return {
    topic: text(fields["topic"], "topic"),
    resumeAfter: resume_after == null ? null : counter(resume_after, "resume_after"),
    retentionFloor: retention_floor == null ? null : counter(retention_floor, "retention_floor"),
    reason: reason == null ? null : String(reason),
  };
}

/** A number up to 2^53 - 1, a string of digits above. */
function counter(value: unknown, what: string): bigint {
  if (Number.isSafeInteger(value) || (typeof value === "string" && /^-?\d+$/.test(value))) {
    return BigInt(value as number | string);
  }
  throw failure("protocol", `${what} is neither a whole number nor a string of digits`);
}

export function object(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw failure("protocol", `${what} is not an object`);
}

function text(value: unknown, what: string): string {
  if (typeof value === "string") {
    return value;
  }
  throw failure("protocol", `${what} is not text`);
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value == null) {
    return [];
  }
  if (Array.isArray(value)) {
    return value;
  }
  throw failure("protocol", `${what} is not a list`);
}
