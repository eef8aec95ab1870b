/** A process that follows a topic into a store, until it is killed. */

import WebSocket from "ws";
import { asyncStorageStore, createKhalaClient } from "../../src/index.js";
import type { WebSocketClass } from "../../src/types.js";
import { fileStorage } from "./file-storage.js";
import { openSqlite } from "./sqlite.js";

const [, , kind, place, topic, url, token] = process.argv as unknown as string[];
if (!place || !topic || !url || !token) {
  throw new Error("kind, place, topic, url, token");
}
createKhalaClient({
  url,
  token,
  store: kind === "sqlite" ? openSqlite(place) : asyncStorageStore(fileStorage(place)),
  WebSocket: WebSocket as unknown as WebSocketClass,
  saveEveryMs: 0,
  // A compact replay leaves out what a later page replaces, which the test would take for a hole.
  compact: false,
  onError: ({ code, message }) => process.stderr.write(`${code}: ${message}\n`),
})
  .topic(topic)
  .subscribe((documents) => process.stdout.write(`${documents.length}\n`));
