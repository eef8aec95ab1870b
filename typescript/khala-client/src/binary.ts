/**
 * The binary lane: updates arrive as protobuf, each payload as the bytes that were hashed. Every
 * other message stays text, as on the JSON lane.
 */

import { fromBinary } from "@bufbuild/protobuf";
import { configureTextEncoding, getTextEncoding } from "@bufbuild/protobuf/wire";
import { failure } from "./errors.js";
import type { TopicWatermark } from "./gen/openagents/sync/v1/topic_pb.js";
import {
  type Update as Message,
  type UpdateBatch,
  UpdateBatchSchema,
} from "./gen/openagents/sync/v1/update_pb.js";
import type { Lane } from "./types.js";
import {
  type Batch,
  decodeFrame,
  type Frame,
  object,
  parse,
  type Update,
  unfit,
  type Watermarks,
} from "./wire/serializer.js";

/** Pass it as `lane`. */
export const binaryLane: Lane = {
  query: "&encoding=protobuf",
  decode: (data) =>
    data instanceof ArrayBuffer ? decode(new Uint8Array(data)) : decodeFrame(data),
};

/** The number of sizes after the kind of a Phoenix V2 binary message: pushes and broadcasts. */
const SIZES: Readonly<Record<number, number>> = { 0: 3, 2: 2 };

function decode(message: Uint8Array<ArrayBuffer>): Frame {
  const [kind = -1] = message;
  const count = SIZES[kind];
  if (count === undefined) {
    throw failure("protocol", `the server sent a binary message of kind ${kind}`);
  }
  let place = 1 + count;
  const texts = Array.from(message.subarray(1, place), (size) => {
    place += size;
    return utf8(message.subarray(place - size, place));
  });
  if (texts.length < count || place > message.length) {
    throw failure("protocol", "the server sent a binary message that is cut short");
  }
  // A broadcast has no join_ref, and that of a push may be empty: both are for every join.
  const [event = "", topic = "", joinRef = ""] = texts.reverse();
  const batch = readBatch(message.subarray(place));
  return { joinRef: joinRef || null, ref: null, topic, event, payload: {}, batch };
}

function readBatch(bytes: Uint8Array<ArrayBuffer>): Batch {
  const batch = decodeBatch(bytes);
  return {
    updates: batch.updates.map(readUpdate),
    replayComplete: batch.replayComplete,
    heads: watermarks(batch.headWatermarks),
    covered: watermarks(batch.coveredWatermarks),
  };
}

function decodeBatch(bytes: Uint8Array<ArrayBuffer>): UpdateBatch {
  const standing = getTextEncoding();
  // Decoders drop a byte order mark; to Postgres it is a character of the key like any other.
  configureTextEncoding({ ...standing, decodeUtf8: keepingMark(standing.decodeUtf8) });
  try {
    return fromBinary(UpdateBatchSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw failure("protocol", `the server sent no update batch: ${error}`, error);
  } finally {
    configureTextEncoding(standing);
  }
}

type DecodeUtf8 = (bytes: Uint8Array, strict?: boolean) => string;

function keepingMark(decodeUtf8: DecodeUtf8): DecodeUtf8 {
  return function decodeWithMark(bytes, strict): string {
    const [first, second, third] = bytes;
    return first === 0xef && second === 0xbb && third === 0xbf
      ? `\ufeff${decodeWithMark(bytes.subarray(3), strict)}`
      : decodeUtf8(bytes, strict);
  };
}

function readUpdate(message: Message): Update {
  const { topic, docKey, docVersion, watermark, deleted, payloadHash } = message;
  const payloadJson = message.payloadJson as Uint8Array<ArrayBuffer>;
  const isBare = deleted || message.hydrationRequired;
  if ((payloadJson.length === 0) !== isBare) {
    throw unfit("payload");
  }
  const update = {
    topic,
    docKey,
    docVersion,
    watermark,
    payloadHash: btoa(String.fromCharCode(...payloadHash)),
    deleted,
  };
  return isBare
    ? { ...update, payload: null }
    : { ...update, payload: object([parse(utf8(payloadJson))], 0), canonical: payloadJson };
}

function watermarks(entries: readonly TopicWatermark[]): Watermarks {
  return new Map(entries.map(({ topic, watermark }) => [topic, watermark]));
}

function utf8(bytes: Uint8Array): string {
  try {
    return getTextEncoding().decodeUtf8(bytes, true);
  } catch (error) {
    throw failure("protocol", "the server sent invalid UTF-8", error);
  }
}
