// A first sync in Node. `node first_sync.mjs khala|bare WS_URL HTTP_URL TOPIC DOCUMENTS`, the token
// in KHALA_TOKEN; prints the seconds from the first call to the last document, and processor time.
//
// khala: with khala-client as it is built, which verifies every hash. bare: the least that a client
// can do with the same messages, from bench/compare/bare_servers.py: parse them, and keep the
// documents by key.
import { createRequire } from "node:module";
import { createKhalaClient } from "../../typescript/khala-client/dist/index.js";

const WebSocket = createRequire(
  new URL("../../typescript/khala-client/package.json", import.meta.url),
)("ws");
const [kind, url, httpUrl, topic, wanted] = process.argv.slice(2);
const documents = Number(wanted);

function withKhala(done) {
  const khala = createKhalaClient({
    url,
    httpUrl,
    token: process.env.KHALA_TOKEN,
    WebSocket,
    onError: (error) => {
      throw error;
    },
  });
  khala.topic(topic).subscribe((found) => {
    if (found.length === documents) {
      done(() => khala.close());
    }
  });
}

function bare(done) {
  const found = new Map();
  const socket = new WebSocket(url);
  socket.on("open", () => socket.send("resume"));
  socket.on("message", (data) => {
    for (const update of JSON.parse(data)[4].updates) {
      found.set(update.doc_key, update.payload);
    }
    if (found.size === documents) {
      done(() => socket.terminate());
    }
  });
}

const started = performance.now();
const before = process.cpuUsage();
(kind === "khala" ? withKhala : bare)((close) => {
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ seconds, cpu_s: (user + system) / 1e6 }));
  close();
});
