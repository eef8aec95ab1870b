/** Reading what was written: waits for watermarks, for versions, and for all that the server has. */

import { expect, onTestFinished, test, vi } from "vitest";
import { asyncStorageStore, createKhalaClient, memoryStore } from "../src/index.js";
import { Prompted } from "./harness/prompted.js";
import { connect, killRelay, openDatabase, server, token } from "./harness/server.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live, plain, status, topicStatus } from "./harness/waiting.js";

/** Less than the server's heartbeat, with which every watermark comes in the end. */
const SOON = { timeoutMs: 10_000 };

test("a write is shown when its watermark has been waited for; a duplicate is at once", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const topic = connect({ token: token([name]) }).topic(name);
  await live(topic);
  let watermark: string | null = null;
  for (let n = 1; n <= 20; n++) {
    watermark = await database.write(name, `d${n % 3}`, n, { n });
    await topic.waitFor(watermark, SOON);
    expect(topic.get(`d${n % 3}`)?.payload).toEqual({ n });
  }
  let resolved = 0;
  const count = () => resolved++;
  // A duplicate has no watermark; an older one, and this one, have been reached.
  const duplicate = await database.write(name, "d2", 20, { n: 20 });
  expect(duplicate).toBeNull();
  for (const reached of [duplicate, watermark, 20n, 20, 7, 0]) {
    void topic.waitFor(reached).then(count);
  }
  void topic.document("d2").waitFor(20).then(count);
  // No message can come in between.
  for (let turn = 0; turn < 5; turn++) {
    await Promise.resolve();
  }
  expect(resolved).toBe(7);
});

test("a watermark of what this client does not see does not wait for a heartbeat", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const topic = connect({ token: token([name]) }).topic(name);
  await live(topic);
  await database.sink(name, "ours", 1, {});
  const theirs = await database.write(name, "theirs", 1, {}, "other");
  await topic.waitFor(theirs, SOON);
  expect(plain(topic.getSnapshot())).toEqual([{ key: "ours", version: "1", payload: {} }]);
  await topicStatus(topic, ({ phase }) => phase === "live");
});

test("nobody follows the topic: the wait does, and no longer than it takes", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const watermark = await database.write(name, "a", 1, { n: 1 });
  const topic = connect({ token: token([name]) }).topic(name);
  await topic.waitFor(watermark, SOON);
  expect(topic.get("a")?.payload).toEqual({ n: 1 });
  await topicStatus(topic, ({ phase }) => phase === "idle");
});

test("a version: itself, a later one, a tombstone, and one that was purged meanwhile", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  const document = topic.document("a");
  const first = document.waitFor(1, SOON);
  await database.sink(name, "a", 1, { n: 1 });
  expect(await first).toMatchObject({ docKey: "a", docVersion: 1n, payload: { n: 1 } });
  expect(await document.waitFor("1")).toBe(document.get());
  const second = document.waitFor(2n, SOON);
  await database.sink(name, "a", 5, { n: 5 });
  expect((await second)?.docVersion).toBe(5n);
  const third = document.waitFor(6, SOON);
  await database.remove(name, "a", 7);
  expect(await third).toBeUndefined();
  expect(await document.waitFor(7)).toBeUndefined();

  // No tombstone is left to be seen.
  khala.disconnect();
  await database.sink(name, "b", 1, {});
  const gone = topic.document("b").waitFor(1, SOON);
  await database.remove(name, "b", 2);
  await database.purge(name);
  await database.sink(name, "c", 1, {});
  khala.connect();
  expect(await gone).toBeUndefined();
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));
});

test("sync: everything that the server had, of every topic", async () => {
  const database = await openDatabase();
  const names = [await database.topic(), await database.topic()];
  const khala = connect({ token: token(names) });
  await khala.sync(); // nothing is followed
  const topics = names.map((name) => khala.topic(name));
  for (const topic of topics) {
    topic.subscribe(() => {});
  }
  // From the start on, live, and with the last word of another organisation.
  for (let round = 1; round <= 5; round++) {
    for (const name of names) {
      await database.sink(name, `d${round}`, 1, { round });
      await database.sink(name, "theirs", round, { round }, "other");
    }
    await khala.sync(SOON);
    for (const [index, name] of names.entries()) {
      const ours = (await database.documents(name)).filter(({ key }) => key !== "theirs");
      expect(plain(topics[index]?.getSnapshot() ?? [])).toEqual(ours);
    }
  }
});

test("several at once, and one after the other without a pause", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  topic.subscribe(() => {});
  await Promise.all(Array.from({ length: 10 }, () => khala.sync(SOON)));
  const waits = [];
  for (let n = 1; n <= 30; n++) {
    waits.push(topic.waitFor(n, SOON), topic.document("a").waitFor(n, SOON), khala.sync(SOON));
    await database.sink(name, "a", n, { n });
  }
  await Promise.all(waits);
  expect(topic.get("a")?.docVersion).toBe(30n);
});

test("waits go on across a relay that dies, a stale cursor and a new epoch", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);

  const away = status(khala, ({ state }) => state !== "connected");
  killRelay();
  await away;
  const all = (watermark: number, version: number) => [
    topic.waitFor(watermark),
    topic.document("a").waitFor(version),
    khala.sync(),
  ];
  let waits = all(1, 1);
  await database.sink(name, "a", 1, { n: 1 });
  await Promise.all(waits);

  khala.disconnect();
  waits = all(3, 3);
  await database.sink(name, "a", 2, { n: 2 });
  await database.sink(name, "a", 3, { n: 3 });
  await database.purge(name);
  khala.connect();
  await Promise.all(waits);
  expect(topic.get("a")?.payload).toEqual({ n: 3 });

  waits = all(4, 4);
  await database.value("SELECT khala.new_epoch('test')");
  await database.sink(name, "a", 4, { n: 4 });
  await Promise.all(waits);
  expect(topic.get("a")?.payload).toEqual({ n: 4 });
});

test("ends by time, by its signal, and with the client", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  await expect(topic.waitFor(7, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "timeout",
    message: `${name}: watermark 7: not in 20 ms`,
  });
  const abort = new AbortController();
  const aborted = topic.document("a").waitFor(7, { signal: abort.signal });
  const reason = new Error("the page was left");
  abort.abort(reason);
  await expect(aborted).rejects.toMatchObject({ code: "aborted", cause: reason });
  const { signal } = abort;
  await expect(topic.waitFor(7, { signal })).rejects.toMatchObject({ code: "aborted" });
  await expect(khala.sync({ signal })).rejects.toMatchObject({ code: "aborted" });

  const closed = [topic.waitFor(7), topic.document("a").waitFor(7), khala.sync()].map((wait) =>
    expect(wait).rejects.toMatchObject({ code: "aborted", message: "the client is closed" }),
  );
  await khala.close();
  await Promise.all(closed);
  await expect(topic.waitFor(7)).rejects.toMatchObject({ code: "aborted" });
  await expect(khala.sync()).rejects.toMatchObject({ code: "aborted" });
});

test("a document as expected: shown already, later, gone, and never", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]) });
  const document = khala.topic<{ readonly n: number }>(name).document("a");
  // Nobody follows the topic, and there is no document: known once the server has said so.
  await document.waitUntil((found) => found === undefined, SOON);
  const third = document.waitUntil((found) => found?.payload.n === 3, SOON);
  const wrong = new Error("for a test");
  const failed = expect(
    document.waitUntil((found) => {
      if (found === undefined) {
        return false;
      }
      throw wrong;
    }, SOON),
  ).rejects.toBe(wrong);
  for (const n of [1, 2, 3]) {
    await database.sink(name, "a", n, { n });
  }
  await Promise.all([third, failed]);
  await document.waitUntil((found) => found?.payload.n === 3, { timeoutMs: 0 });
  const gone = document.waitUntil((found) => found === undefined, SOON);
  await database.remove(name, "a", 4);
  await gone;
  const never = expect(document.waitUntil((found) => found !== undefined)).rejects.toMatchObject({
    code: "aborted",
    message: "the client is closed",
  });
  await khala.close();
  await never;
  await expect(
    khala
      .topic("test.other")
      .document("a")
      .waitUntil(() => true),
  ).rejects.toMatchObject({ code: "aborted" });
});

test("a client without a WebSocket: a wait is refused once, and not again when its time is over", async () => {
  vi.stubGlobal("WebSocket", undefined);
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const unhandled: unknown[] = [];
  const listen = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", listen);
  onTestFinished(() => {
    process.off("unhandledRejection", listen);
  });
  const topic = createKhalaClient({ url: server.ws, token: token([]) }).topic("test.any");
  const options = { timeoutMs: 20 };
  for (const wait of [topic.waitFor(1, options), topic.document("a").waitFor(1, options)]) {
    await expect(wait).rejects.toMatchObject({ code: "usage" });
  }
  expect(vi.getTimerCount()).toBe(0);
  expect(unhandled).toEqual([]);
});

test("a client that is closed keeps nothing: no timer, no store that opens again", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const loads: string[] = [];
  const store = {
    ...memoryStore(),
    load: async (topic: string) => {
      loads.push(topic);
      return null;
    },
  };
  const khala = connect({ token: token([name]), store });
  const topic = khala.topic(name);
  await live(topic);
  const leave = topic.subscribe(() => {});
  const wait = expect(topic.waitFor(7)).rejects.toMatchObject({ code: "aborted" });
  const start = vi.spyOn(globalThis, "setTimeout");
  onTestFinished(() => start.mockRestore());
  await khala.close();
  await wait;
  leave();
  khala.topic("test.other").subscribe(() => {})();
  khala.topic(name).subscribe(() => {})();
  // A subscription that lingers would keep the process.
  expect(start.mock.calls.filter(([, delay]) => delay === 1_000)).toEqual([]);
  expect(loads).toEqual([name]);
});

test("a topic that is refused, and a client that gave up, refuse waits", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const khala = connect({ token: token([name]), WebSocket: Prompted as never });
  const forbidden = khala.topic("test.other");
  for (const wait of [forbidden.waitFor(1), forbidden.document("a").waitFor(1)]) {
    await expect(wait).rejects.toMatchObject({ code: "forbidden_topic" });
  }
  forbidden.subscribe(() => {});
  await topicStatus(forbidden, ({ phase }) => phase === "error");
  await expect(khala.sync()).rejects.toMatchObject({ code: "forbidden_topic" });

  await live(khala.topic(name));
  const waits = [khala.topic(name).waitFor(7), khala.topic(name).document("a").waitFor(7)].map(
    (wait) => expect(wait).rejects.toMatchObject({ code: "forbidden_topic" }),
  );
  Prompted.last?.end(4403, "for a test");
  await Promise.all(waits);
  await expect(khala.topic(name).waitFor(7)).rejects.toMatchObject({ code: "forbidden_topic" });
});

test.each([1.5, 2 ** 53, "", "12a", "0x10", Number.NaN])(
  "%j is no watermark and no version",
  async (value) => {
    const topic = connect({ token: token([]) }).topic("test.any");
    await expect(topic.waitFor(value)).rejects.toMatchObject({ code: "usage" });
    await expect(topic.document("a").waitFor(value)).rejects.toMatchObject({ code: "usage" });
  },
);

test("counters beyond 2^53", async () => {
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
  const khala = connect({ token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  await expect(topic.waitFor(start + 1n, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "timeout",
  });
  const watermark = await database.write(name, "a", 1, {});
  expect(watermark).toBe(String(start + 1n));
  await topic.waitFor(watermark, SOON);
  await khala.sync(SOON);
  expect(topic.get("a")?.watermark).toBe(start + 1n);
});

test("a stored cursor counts when the server has accepted it: it may be of another epoch", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, { n: 1 });
  const storage = mapStorage();
  const first = connect({ token: token([name]), store: asyncStorageStore(storage) });
  await first.topic(name).waitFor(1, SOON);
  await first.close();
  await database.value("SELECT khala.new_epoch('test')");
  await database.client.query(
    "UPDATE runtime.sync_documents SET doc_key = 'restored' WHERE topic = $1",
    [name],
  );
  const second = connect({ token: token([name]), store: asyncStorageStore(storage) });
  second.disconnect();
  const topic = second.topic(name);
  const waits = Promise.all([topic.waitFor(1), topic.document("restored").waitFor(1)]);
  await documents(topic, ([one]) => one?.docKey === "a");
  await expect(topic.waitFor(1, { timeoutMs: 20 })).rejects.toMatchObject({ code: "timeout" });
  second.connect();
  await waits;
  expect(plain(topic.getSnapshot())).toEqual(await database.documents(name));
});
