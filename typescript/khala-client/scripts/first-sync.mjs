// First sync of a Node client: from nothing to every document of a topic, each hash verified, in a
// process of its own. Prints one JSON line: wall and processor milliseconds of this client.
//
//   node scripts/first-sync.mjs --ws=URL --http=URL --token=TOKEN --topic=NAME --documents=20000
//     [--lane=json|binary] [--source=DIRECTORY of another version's src]
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import WebSocket from "ws";

const { values: options } = parseArgs({
  options: {
    ws: { type: "string" },
    http: { type: "string" },
    token: { type: "string" },
    topic: { type: "string" },
    documents: { type: "string" },
    lane: { type: "string", default: "json" },
    source: { type: "string", default: "src" },
  },
});
const missing = ["ws", "http", "token", "topic", "documents"].filter((name) => !options[name]);
if (missing.length > 0) {
  console.error(`missing: ${missing.map((name) => `--${name}=…`).join(" ")}`);
  process.exit(2);
}

const root = resolve(import.meta.dirname, "..");
const source = resolve(root, options.source);
const outfile = resolve(root, `node_modules/.cache/first-sync-${process.pid}.mjs`);
const entry = [
  `export { createKhalaClient } from "${source}/index.ts";`,
  `export { binaryLane } from "${source}/binary.ts";`,
].join("\n");
await build({
  stdin: { contents: entry, resolveDir: root },
  bundle: true,
  format: "esm",
  platform: "node",
  outfile,
});
const { binaryLane, createKhalaClient } = await import(outfile);

const wanted = Number(options.documents);
const cpu = process.cpuUsage();
const start = performance.now();
const khala = createKhalaClient({
  url: options.ws,
  httpUrl: options.http,
  token: options.token,
  WebSocket,
  ...(options.lane === "binary" && { lane: binaryLane }),
  onError: (error) => console.error(error),
});
const topic = khala.topic(options.topic);
let notified = 0;
let firstMs = null;
topic.subscribe((documents) => {
  notified++;
  firstMs ??= documents.length > 0 ? performance.now() - start : null;
});
await new Promise((done) => {
  topic.onStatus(({ phase }) => {
    if (phase === "live") {
      done();
    }
  });
});
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(cpu);
const documents = topic.getSnapshot().length;
await khala.close();
const whole = performance.now() - start;
if (documents !== wanted) {
  console.error(`${documents} documents came instead of ${wanted}`);
  process.exit(1);
}
const round = (value) => Math.round(value);
console.log(
  JSON.stringify({
    ms: round(ms),
    cpu_ms: round((user + system) / 1000),
    first_ms: round(firstMs),
    closed_ms: round(whole),
    notified,
  }),
);
