/** Both lanes: whatever happens, they show the same documents, and those of the database. */

import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { binaryLane } from "../src/binary.js";
import { UpdateBatchSchema, UpdateSchema } from "../src/gen/openagents/sync/v1/update_pb.js";
import { canonicalJson, isKhalaError, type JsonObject, type KhalaTopic } from "../src/index.js";
import { hasher } from "../src/topics/hash.js";
import { resolve } from "../src/topics/hydrate.js";
import type { Lane } from "../src/types.js";
import { jsonObject } from "./harness/json.js";
import { connect, type Database, openDatabase, token } from "./harness/server.js";
import { documents, live, plain } from "./harness/waiting.js";

/** The binary lane, and how many binary messages came over it. */
function counted() {
  const count = { binary: 0 };
  const lane: Lane = {
    ...binaryLane,
    decode: (data) => {
      count.binary += Number(typeof data !== "string");
      return binaryLane.decode(data);
    },
  };
  return { lane, count };
}

const docKey = fc.constantFrom("a", "\ufeffa", 'b"\\', "ключ/\u{1f600}");
const org = fc.constantFrom(null, "acme", "acme", "other");
type Step =
  | { readonly kind: "write"; key: string; org: string | null; payload: JsonObject }
  | { readonly kind: "remove"; key: string; org: string | null }
  | { readonly kind: "large"; key: string; org: string | null }
  | { readonly kind: "offline" | "online" | "purge" };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("write" as const),
        key: docKey,
        org,
        payload: jsonObject,
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), key: docKey, org }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("large" as const), key: docKey, org }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom("offline", "online", "purge") }),
    },
  ) as fc.Arbitrary<Step>,
  { minLength: 1, maxLength: 12 },
);

const LAST = "~last";

/** What the database would show to `acme`, in the words of the client. */
async function authority(database: Database, topic: string) {
  const { rows } = await database.client.query(
    `SELECT doc_key, doc_version, watermark, encode(payload_hash, 'base64') AS hash, payload
     FROM runtime.sync_documents
     WHERE topic = $1 AND NOT deleted AND (org_id IS NULL OR org_id = 'acme')`,
    [topic],
  );
  return rows
    .map((row) => ({
      docKey: row.doc_key,
      docVersion: BigInt(row.doc_version),
      watermark: BigInt(row.watermark),
      payloadHash: row.hash,
      payload: row.payload,
    }))
    .sort((one, other) => (one.docKey < other.docKey ? -1 : 1));
}

const bare = (topic: KhalaTopic) =>
  topic.getSnapshot().map(({ docKey, docVersion, watermark, payloadHash, payload }) => ({
    docKey,
    docVersion,
    watermark,
    payloadHash,
    payload,
  }));

test("random writes, owners, tombstones, pointers, offline times and purges end the same", {
  timeout: 120_000,
}, async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const { lane, count } = counted();
  const errors: string[] = [];
  const options = {
    token: token([name]),
    onError: ({ code, message }: Error & { code: string }) => {
      if (code !== "stale_cursor") {
        errors.push(`${code}: ${message}`);
      }
    },
  };
  const clients = [connect(options), connect({ ...options, lane })];
  const topics = clients.map((khala) => khala.topic(name));
  await Promise.all(topics.map(live));
  let version = 0;
  const take = async (step: Step): Promise<void> => {
    version++;
    switch (step.kind) {
      case "write":
        return database.sink(name, step.key, version, step.payload, step.org);
      case "large":
        return database.sink(name, step.key, version, { fill: "ü".repeat(140_000) }, step.org);
      case "remove":
        return database.remove(name, step.key, version, step.org);
      case "purge":
        return database.purge(name);
      default:
        for (const { connect, disconnect } of clients) {
          step.kind === "online" ? connect() : disconnect();
        }
    }
  };
  await fc.assert(
    fc.asyncProperty(steps, async (chosen) => {
      for (const step of chosen) {
        await take(step);
      }
      await take({ kind: "online" });
      const last = BigInt(version + 1);
      await take({ kind: "write", key: LAST, org: "acme", payload: {} });
      const end = (topic: KhalaTopic) =>
        documents(topic, (found) => found.some((one) => one.docVersion === last));
      await Promise.all(topics.map(end));
      const [json, binary] = topics.map(bare);
      expect(binary).toEqual(json);
      expect(json).toEqual(await authority(database, name));
    }),
    { numRuns: 25, endOnFailure: true },
  );
  expect(errors).toEqual([]);
  expect(count.binary).toBeGreaterThan(25);
});

test("counters beyond 2^53, live and stored documents alike", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const start = 2n ** 60n;
  for (const [table, column] of [
    ["sync_topic_sequences", "head_watermark"],
    ["sync_topic_retention", "retention_floor"],
  ]) {
    await database.client.query(
      `UPDATE runtime.${table} SET ${column} = ${column} + $2 WHERE topic = $1`,
      [name, String(start)],
    );
  }
  const { lane, count } = counted();
  const topics = [
    connect({ token: token([name]) }).topic(name),
    connect({ token: token([name]), lane }).topic(name),
  ];
  await Promise.all(topics.map(live));
  const version = 2n ** 62n + 1n;
  await database.value(
    "SELECT watermark FROM khala.sink($1, 'a', $2, '{\"n\": 1}', 'acme')",
    name,
    String(version),
  );
  for (const topic of topics) {
    const [found] = await documents(topic, (all) => all.length === 1);
    expect(found).toMatchObject({ docVersion: version, watermark: start + 1n });
    expect(topic.getStatus()).toMatchObject({ watermark: start + 1n, head: start + 1n });
  }
  expect(count.binary).toBeGreaterThan(0);
});

test("a payload that is not what was announced is fetched, as on the JSON lane", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]), lane: binaryLane });
  const topic = khala.topic(name);
  await live(topic);
  khala.disconnect();
  await database.sink(name, "a", 1, { n: 1 });
  await database.client.query(
    `UPDATE runtime.sync_stream_events SET payload = '{"n": 666}' WHERE topic = $1`,
    [name],
  );
  khala.connect();
  const found = await documents(topic, (all) => all.length === 1);
  expect(plain(found)).toEqual([{ key: "a", version: "1", payload: { n: 1 } }]);
  expect(found[0]).not.toHaveProperty("canonical");
});

const utf8 = new TextEncoder();
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** A push as the server frames it. */
function push(data: Uint8Array, joinRef = "", event = "sync:update_batch"): ArrayBuffer {
  const texts = [joinRef, "sync:v1", event].map((text) => utf8.encode(text));
  const parts = [[0, ...texts.map(({ length }) => length)], ...texts, data];
  return Uint8Array.from(parts.flatMap((part) => [...part])).buffer;
}

function batch(...updates: Parameters<typeof create<typeof UpdateSchema>>[1][]): Uint8Array {
  return toBinary(
    UpdateBatchSchema,
    create(UpdateBatchSchema, {
      updates: updates.map((update) => create(UpdateSchema, update)),
      replayComplete: true,
      headWatermarks: [{ topic: "t", watermark: 2n ** 64n - 1n }],
    }),
  );
}

test("a hash is verified over the bytes as they came", async () => {
  // Not canonical, and not even JSON that reads back the same: only the bytes have this hash.
  const payloadJson = utf8.encode('{"b": 1.0, "a": "\\u00e9"}');
  const update = { topic: "t", docKey: "a", docVersion: 1n, watermark: 1n, payloadJson };
  const read = (payloadHash: Uint8Array) =>
    binaryLane.decode(push(batch({ ...update, payloadHash }))).batch?.updates ?? [];
  const supply = {
    hash: hasher(),
    backoff: () => 0,
    signal: new AbortController().signal,
    http: { document: async () => null } as never,
  };
  const found = await resolve(read(sha256(payloadJson)), () => undefined, supply);
  expect(found).toMatchObject({ versions: [{ payload: { a: "é", b: 1 } }], missing: [] });
  const canonical = utf8.encode(canonicalJson(found.versions[0]?.payload));
  // Fetched, and gone by then.
  const gone = await resolve(read(sha256(canonical)), () => undefined, supply);
  expect(gone).toEqual({ versions: [], missing: [] });
});

test("reads pushes for one join and for all, broadcasts, and text", () => {
  const data = batch({ topic: "t", docKey: "a", deleted: true, watermark: 7n });
  expect(binaryLane.decode(push(data, "17"))).toMatchObject({
    joinRef: "17",
    topic: "sync:v1",
    event: "sync:update_batch",
    batch: {
      updates: [{ docKey: "a", deleted: true, payload: null, watermark: 7n, payloadHash: "" }],
      heads: new Map([["t", 2n ** 64n - 1n]]),
    },
  });
  expect(binaryLane.decode(push(data)).joinRef).toBeNull();
  const broadcast = Uint8Array.from([2, 1, 2, ...utf8.encode("tev"), ...data]).buffer;
  expect(binaryLane.decode(broadcast)).toMatchObject({ joinRef: null, topic: "t", event: "ev" });
  expect(binaryLane.decode('["1","2","t","e",{}]')).toMatchObject({ ref: "2", payload: {} });
});

test.each([
  ["nothing", new ArrayBuffer(0)],
  ["a reply", Uint8Array.from([1, 0, 0, 0, 0]).buffer],
  ["sizes cut short", Uint8Array.from([0, 0]).buffer],
  ["texts cut short", Uint8Array.from([0, 0, 9, 9, 65]).buffer],
  ["what is not UTF-8", Uint8Array.from([2, 1, 0, 0xff]).buffer],
  ["what is no batch", push(Uint8Array.from([0xff]))],
  [
    "a payload and a pointer",
    push(batch({ payloadJson: utf8.encode("{}"), hydrationRequired: true })),
  ],
  ["neither payload nor pointer", push(batch({ docKey: "a" }))],
  ["a payload that is no object", push(batch({ payloadJson: utf8.encode("[]") }))],
  ["a payload that is no JSON", push(batch({ payloadJson: utf8.encode("{") }))],
])("%s is refused", (_, data) => {
  expect(() => binaryLane.decode(data)).toThrow(expect.objectContaining({ code: "protocol" }));
});

test("any bytes are read or refused, never anything else", () => {
  const mangled = fc
    .tuple(fc.uint8Array({ maxLength: 12 }), fc.nat(), fc.nat(255))
    .map(([bytes, at, value]) => {
      const whole = new Uint8Array(push(batch({ docKey: "k", deleted: true, watermark: 3n }), "1"));
      whole[at % whole.length] = value;
      return [...whole, ...bytes];
    });
  fc.assert(
    fc.property(fc.oneof(mangled, fc.uint8Array()), (bytes) => {
      try {
        binaryLane.decode(Uint8Array.from(bytes).buffer);
      } catch (error) {
        expect(isKhalaError(error, "protocol")).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});
