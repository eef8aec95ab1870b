// What the binary lane saves a client: bytes on the wire, and processor time to read a page of 200
// updates and to verify its hashes. Prints one line for each size of document and lane.
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const UPDATES = 200;
const ROUNDS = 31;
const SIZES = [100, 1536, 4096];

const root = resolve(import.meta.dirname, "..");
const outfile = join(root, "node_modules", ".cache", "bench.mjs");
await build({
  stdin: {
    contents: `
      export { create, toBinary } from "@bufbuild/protobuf";
      export { binaryLane } from "./src/binary.ts";
      export { UpdateBatchSchema } from "./src/gen/openagents/sync/v1/update_pb.ts";
      export { canonicalJson, hasher } from "./src/topics/hash.ts";
      export { resolve } from "./src/topics/hydrate.ts";
      export { decodeFrame, readBatch } from "./src/wire/serializer.ts";`,
    resolveDir: root,
  },
  bundle: true,
  format: "esm",
  platform: "node",
  outfile,
});
const khala = await import(outfile);

/** A summary of a run of about this many bytes. */
function summary(size, done) {
  const steps = [];
  const document = { status: "running", done, of: 812, ratio: 0.25, steps };
  while (JSON.stringify(document).length < size) {
    const started_at = "2026-11-23T10:00:00Z";
    steps.push({ name: `step ${steps.length}`, state: "done", started_at, cost: 0.0125 });
  }
  return document;
}

function updatesOf(size) {
  return Array.from({ length: UPDATES }, (_, index) => {
    const payload = summary(size, index);
    const bytes = new TextEncoder().encode(khala.canonicalJson(payload));
    const hash = createHash("sha256").update(bytes).digest();
    return { docKey: `run-${index}`, watermark: index + 1, payload, bytes, hash };
  });
}

function jsonPage(updates) {
  const entries = updates.map(({ docKey, watermark, payload, hash }) => ({
    topic: "runtime.run_summaries",
    doc_key: docKey,
    doc_version: 1,
    watermark,
    payload_hash: hash.toString("base64"),
    hydration_required: false,
    payload,
  }));
  const batch = { updates: entries, replay_complete: true };
  return JSON.stringify([null, null, "sync:v1", "sync:update_batch", batch]);
}

function binaryPage(updates) {
  const entries = updates.map(({ docKey, watermark, bytes, hash }) => ({
    topic: "runtime.run_summaries",
    docKey,
    docVersion: 1n,
    watermark: BigInt(watermark),
    payloadHash: hash,
    payloadJson: bytes,
  }));
  const batch = { updates: entries, replayComplete: true };
  const data = khala.toBinary(
    khala.UpdateBatchSchema,
    khala.create(khala.UpdateBatchSchema, batch),
  );
  const texts = Buffer.from("sync:v1sync:update_batch");
  const page = Buffer.concat([Buffer.from([0, 0, 7, 17]), texts, data]);
  return page.buffer.slice(page.byteOffset, page.byteOffset + page.length);
}

const supply = {
  hash: khala.hasher(),
  backoff: () => 0,
  signal: new AbortController().signal,
};

/** Microseconds of processor time for each update, the median of some rounds. */
async function time(read) {
  const rounds = [];
  for (let round = -10; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    const versions = await khala.resolve(read().updates, () => undefined, supply);
    const { user, system } = process.cpuUsage(before);
    if (versions.length !== UPDATES) {
      throw new Error(`${versions.length} of ${UPDATES} updates hold`);
    }
    if (round >= 0) {
      rounds.push((user + system) / UPDATES);
    }
  }
  return rounds.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)];
}

function show(size, lane, length, microseconds) {
  const bytes = Math.round(length / UPDATES);
  console.log(`${size} bytes, ${lane}: ${bytes} bytes and ${microseconds.toFixed(1)} µs an update`);
}

for (const size of SIZES) {
  const updates = updatesOf(size);
  const text = jsonPage(updates);
  const data = binaryPage(updates);
  const json = await time(() => khala.readBatch(khala.decodeFrame(text).payload));
  show(size, "JSON", Buffer.byteLength(text), json);
  const binary = await time(() => khala.binaryLane.decode(data).batch);
  show(size, "binary", data.byteLength, binary);
}
