/** A client against a live server: what it shows is what the database holds. */

import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { createKhalaClient, isKhalaError } from "../src/index.js";
import { sha256 } from "../src/sha256.js";
import { decodeFrame, readBatch } from "../src/wire/serializer.js";
import { Prompted } from "./harness/prompted.js";
import { connect, killRelay, openDatabase, token } from "./harness/server.js";
import { documents, live, plain, status, topicStatus } from "./harness/waiting.js";

test("shows what is there, then every change, then what is gone", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, { n: 1 });
  await database.sink(name, "b", 1, { n: 2 }, null);
  await database.sink(name, "c", 1, { n: 3 }, "other");
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  expect(khala.getStatus().state).toBe("disconnected");
  const first = await documents(topic, (found) => found.length === 2);
  expect(plain(first)).toEqual([
    { key: "a", version: "1", payload: { n: 1 } },
    { key: "b", version: "1", payload: { n: 2 } },
  ]);
  await topicStatus(topic, ({ phase }) => phase === "live");
  expect(khala.getStatus().state).toBe("connected");
  expect(topic.getSnapshot()).toBe(topic.getSnapshot());

  const changed = documents(topic, (found) => found[0]?.docVersion === 2n);
  await database.sink(name, "a", 2, { n: 10 });
  expect((await changed)[1]).toBe(first[1]);

  const removed = documents(topic, (found) => found.length === 1);
  await database.remove(name, "a", 3);
  expect(plain(await removed)).toEqual([{ key: "b", version: "1", payload: { n: 2 } }]);
  expect(topic.get("a")).toBeUndefined();
  expect(topic.get("b")?.payload).toEqual({ n: 2 });
  expect(topic.getStatus().watermark).toBe(5n);
});

test("updates come in order and all of them", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const topic = connect({ token: token([name]) }).topic<{ n: number }>(name);
  const seen: number[] = [];
  const done = new Promise<void>((resolve) => {
    topic.subscribe(([document]) => {
      if (document !== undefined) {
        seen.push(document.payload.n);
        if (document.payload.n === 300) {
          resolve();
        }
      }
    });
  });
  await topicStatus(topic as never, ({ phase }) => phase === "live");
  for (let n = 1; n <= 300; n++) {
    await database.sink(name, "counter", n, { n });
  }
  await done;
  expect(seen).toEqual([...seen].sort((one, other) => one - other));
  expect(new Set(seen).size).toBe(seen.length);
});

test("survives the relay's death without a hole or a duplicate", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  const versions: bigint[] = [];
  topic.subscribe((found) => {
    const version = found.find(({ docKey }) => docKey === "counter")?.docVersion;
    if (version !== undefined) {
      versions.push(version);
    }
  });
  await live(topic);
  await database.sink(name, "counter", 1, { n: 1 });
  await documents(topic, (found) => found.length === 1);
  killRelay();
  const away = status(khala, ({ state }) => state === "disconnected");
  for (let n = 2; n <= 50; n++) {
    await database.sink(name, n % 2 ? "counter" : `d${n}`, n, { n });
  }
  await away;
  const authority = await database.documents(name);
  const found = await documents(
    topic,
    (all) => all.length === authority.length && all[0]?.docVersion === 49n,
  );
  expect(plain(found)).toEqual(authority);
  await status(khala, ({ attempt }) => attempt === 0);
  expect(khala.getStatus()).toMatchObject({ state: "connected", error: null });
  expect(versions).toEqual([...versions].sort((one, other) => Number(one - other)));
});

test("a payload over the limit is fetched; larger changes of it too", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const topic = connect({ token: token([name]) }).topic(name);
  await live(topic);
  const big = { text: "ü".repeat(150 * 1024), n: 1 };
  await database.sink(name, "small", 1, { n: 0 });
  await database.sink(name, "big/one ?#%", 1, big);
  const [found] = await documents(topic, (all) => all.length === 2);
  expect(found?.payload).toEqual(big);
  await database.sink(name, "big/one ?#%", 2, { ...big, n: 2 });
  const [changed] = await documents(topic, ([one]) => one?.docVersion === 2n);
  expect(changed?.payload).toEqual({ ...big, n: 2 });
});

test("a snapshot of many pages", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const all = Array.from({ length: 2_300 }, (_, n) => ({
    doc_key: `d${String(n).padStart(4, "0")}`,
    doc_version: 1,
    payload: { n },
  }));
  await database.value("SELECT count(*) FROM khala.sink_batch($1, $2)", name, JSON.stringify(all));
  const topic = connect({ token: token([name]) }).topic(name);
  const found = await documents(topic, (documents) => documents.length > 0);
  expect(plain(found)).toEqual(await database.documents(name));
});

test.each([
  ["the last version of each document", {}, 1],
  ["every version, where the program wants them", { compact: false }, 20],
])("a client that was away receives %s", async (_, options, expected) => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, { n: 1 });
  await database.sink(name, "gone", 1, { n: 1 });
  const versions: bigint[] = [];
  const decode = (data: unknown) => {
    const frame = decodeFrame(data);
    if (frame.event === "sync:update_batch") {
      const updates = readBatch(frame.payload).updates.filter(({ docKey }) => docKey === "a");
      versions.push(...updates.map(({ docVersion }) => docVersion));
    }
    return frame;
  };
  const khala = connect({ token: token([name]), lane: { query: "", decode }, ...options });
  const topic = khala.topic(name);
  await live(topic);
  khala.disconnect();
  for (let version = 2; version <= 21; version++) {
    await database.sink(name, "a", version, { n: version });
  }
  await database.remove(name, "gone", 2);
  khala.connect();
  await topicStatus(topic, ({ watermark, phase }) => phase === "live" && watermark === 23n);
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));
  expect(versions).toEqual(Array.from({ length: expected }, (_, n) => BigInt(22 - expected + n)));
});

test("a topic out of scope is refused, its neighbour is not", async () => {
  const database = await openDatabase();
  const allowed = await database.topic();
  const other = await database.topic();
  const errors: string[] = [];
  const khala = connect({ token: token([allowed]), onError: ({ code }) => errors.push(code) });
  const forbidden = khala.topic(other);
  forbidden.subscribe(() => {});
  await live(khala.topic(allowed));
  const { error } = await topicStatus(forbidden, ({ phase }) => phase === "error");
  expect(isKhalaError(error, "forbidden_topic") && error.details.topics).toEqual([other]);
  expect(errors).toEqual(["forbidden_topic"]);
  expect(khala.getStatus().state).toBe("connected");
});

test("the last to leave ends the subscription, the first to come back resumes it", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const topic = connect({ token: token([name]) }).topic(name);
  const leave = topic.subscribe(() => {});
  await topicStatus(topic, ({ phase }) => phase === "live");
  leave();
  leave();
  await topicStatus(topic, ({ phase }) => phase === "idle");
  await database.sink(name, "a", 1, { n: 1 });
  const phases: string[] = [];
  topic.onStatus(({ phase }) => phases.push(phase));
  await documents(topic, (found) => found.length === 1);
  expect(phases).not.toContain("recovering");
});

test("disconnects and connects when told to", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  khala.disconnect();
  expect(khala.getStatus()).toMatchObject({ state: "disconnected", retryAt: null });
  expect(topic.getStatus().phase).toBe("idle");
  await database.sink(name, "a", 1, { n: 1 });
  khala.connect();
  await documents(topic, (found) => found.length === 1);
});

test.skipIf(globalThis.WebSocket === undefined)("takes the platform's WebSocket", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const { WebSocket } = globalThis;
  const topic = connect({ token: token([name]), WebSocket }).topic(name);
  await live(topic);
  await database.sink(name, "a", 1, { n: 1 });
  await documents(topic, (found) => found.length === 1);
});

test("a platform without WebSocket or SubtleCrypto is told what to pass", () => {
  const options = { url: "ws://127.0.0.1/socket/websocket", token: "" };
  vi.stubGlobal("WebSocket", undefined);
  expect(() => createKhalaClient(options).connect()).toThrow(/package ws/);
  vi.stubGlobal("crypto", undefined);
  vi.stubGlobal("process", { ...process, getBuiltinModule: undefined });
  const WebSocket = class {} as never;
  expect(() => createKhalaClient({ ...options, WebSocket }).connect()).toThrow(
    /khala-client\/sha256/,
  );
  const khala = createKhalaClient({ ...options, WebSocket, sha256 });
  khala.connect();
  expect(khala.getStatus().state).toBe("connecting");
  khala.disconnect();
  vi.unstubAllGlobals();
});

test("a closed client says so", async () => {
  const khala = connect({ token: "" });
  await Promise.all([khala.close(), khala.close()]);
  expect(() => khala.connect()).toThrow(expect.objectContaining({ code: "usage" }));
});

test("a socket that cannot be opened while HTTP answers is tried again, not given up", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const refusing = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => refusing.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    refusing.close();
  });
  const { port } = refusing.address() as AddressInfo;
  const khala = connect({ token: token([name]), url: `ws://127.0.0.1:${port}/socket/websocket` });
  khala.topic(name).subscribe(() => {});
  const { state, error } = await status(khala, ({ attempt }) => attempt >= 2);
  expect(state).not.toBe("error");
  expect(error?.code).toBe("transport");
});

test("what nobody listens to any more is not sent any more", async () => {
  const database = await openDatabase();
  const left = await database.topic();
  const kept = await database.topic();
  const khala = connect({ token: token([left, kept]), WebSocket: Prompted as never });
  await live(khala.topic(kept));
  const leave = khala.topic(left).subscribe(() => {});
  await topicStatus(khala.topic(left), ({ phase }) => phase === "live");
  leave();
  await topicStatus(khala.topic(left), ({ phase }) => phase === "idle");
  await database.sink(left, "unwanted", 1, {});
  // One socket, in order: had the first been sent, it would have come before the last.
  for (let n = 1; n <= 3; n++) {
    await database.sink(kept, "wanted", n, {});
    await documents(khala.topic(kept), ([one]) => one?.docVersion === BigInt(n));
  }
  const heard = Prompted.last?.heard.join() ?? "";
  expect(heard).toContain('"wanted"');
  expect(heard).not.toContain('"unwanted"');
});

test("frames of another join are outdated, those without one are for all", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]), WebSocket: Prompted as never });
  const topic = khala.topic(name);
  await live(topic);
  const update = { topic: name, doc_version: 1, deleted: true, payload_hash: "" };
  const batch = (doc_key: string, watermark: number) => ({
    updates: [{ ...update, doc_key, watermark }],
    covered_watermarks: [{ topic: name, watermark }],
  });
  Prompted.last?.say("sync:update_batch", batch("a", 1_000), "of another join");
  Prompted.last?.say("sync:update_batch", batch("b", 2));
  await topicStatus(topic, ({ watermark }) => (watermark ?? 0n) > 0n);
  expect(topic.getStatus().watermark).toBe(2n);
});

test("a client that is forbidden for good stays away until told to connect", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]), WebSocket: Prompted as never });
  const topic = khala.topic(name);
  await live(topic);
  Prompted.last?.end(4403, "for a test");
  expect((await status(khala, ({ state }) => state === "error")).retryAt).toBeNull();
  khala.connect();
  await topicStatus(topic, ({ phase }) => phase === "live");
});
