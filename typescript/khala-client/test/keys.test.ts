/** Every key that the server takes, in snapshots and behind pointers; and documents that cannot be
 * fetched, which hold up no other. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type AnyKhalaError, asyncStorageStore, type KhalaStore } from "../src/index.js";
import { connect, type Database, openDatabase, token } from "./harness/server.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live, plain, topicStatus } from "./harness/waiting.js";

/** A topic whose updates are all pointers. */
async function pointerTopic(database: Database): Promise<string> {
  const name = await database.topic();
  await database.client.query(
    "UPDATE runtime.sync_topics SET payload_mode = 'pointer' WHERE topic = $1",
    [name],
  );
  return name;
}

const ODD = [
  ...[".", "..", "...", "./a", "../../healthz", "a/..", "/", "//", "a//b", "%2e", "%2e%2e", "%2F"],
  ...["%", "%%", "%zz", "?", "#", "a?b=c&d", "&", "=", "+", " ", " a ", "a b", ";", "\\", "..\\a"],
  ...["\n", "\r\n", "\t", "\u0001", "\u007f", "\u2028", "é", "e\u0301", "日本", "🜁", "\uffff"],
  ...['"', "'", "<a>", "{}", "[]", "null", "-", "key", "a".repeat(512), "🜁".repeat(512)],
];

const key = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(".", "/", "%", "2", "e", "E", "F", "\\", "?", "#", " ", "+"),
      minLength: 1,
      maxLength: 12,
    }),
  )
  // Postgres has no NUL in a text.
  .filter((text) => !text.includes("\0"));

test("every key comes by a snapshot and behind a pointer", async () => {
  const database = await openDatabase();
  const name = await pointerTopic(database);
  const keys = new Set([...ODD, ...fc.sample(key, 150)]);
  const write = (version: number) =>
    database.value(
      "SELECT count(*) FROM khala.sink_batch($1, $2)",
      name,
      JSON.stringify(
        Array.from(keys, (doc_key) => ({
          doc_key,
          doc_version: version,
          payload: { doc_key, version },
          org_id: "acme",
        })),
      ),
    );
  await write(1);
  const errors: AnyKhalaError[] = [];
  const topic = connect({ token: token([name]), onError: (error) => errors.push(error) }).topic(
    name,
  );
  const shown = async (version: number) => {
    const found = await documents(
      topic,
      (all) => all.length === keys.size && all.every((one) => one.docVersion === BigInt(version)),
    );
    expect(new Map(found.map(({ docKey, payload }) => [docKey, payload]))).toEqual(
      new Map(Array.from(keys, (doc_key) => [doc_key, { doc_key, version }])),
    );
  };
  await shown(1);
  await topicStatus(topic, ({ phase }) => phase === "live");
  await write(2);
  await shown(2);
  expect(errors).toEqual([]);
});

test.each([
  ...["..", "no.such", "", " ", "🜁"].map((name) => [name, "forbidden_topic"]),
  // With a slash it is a scope, whose prefix belongs into a filter.
  ["a/b", "bad_subscription"],
])("a topic %j that is none is refused", async (name, code) => {
  const topic = connect({ token: token([]) }).topic(name);
  topic.subscribe(() => {});
  const { error } = await topicStatus(topic, ({ phase }) => phase === "error");
  expect(error?.code).toBe(code);
});

test.each([404, 410, 413, 500, 502])(
  "a document answered with %i holds up no other",
  async (status) => {
    const database = await openDatabase();
    const name = await pointerTopic(database);
    const storage = mapStorage();
    const errors: AnyKhalaError[] = [];
    let isBroken = true;
    const broken: typeof fetch = (url, init) =>
      isBroken && String(url).includes("doc_key=bad")
        ? Promise.resolve(new Response("not here", { status }))
        : fetch(url, init);
    const options = { token: token([name]), store: asyncStorageStore(storage), fetch: broken };
    const khala = connect({ ...options, onError: (error) => errors.push(error) });
    const topic = khala.topic(name);
    await live(topic);
    // Large enough to be a pointer in a snapshot too.
    const large = { fill: "x".repeat(300 * 1024) };
    for (const doc_key of ["a", "bad", "c"]) {
      await database.sink(name, doc_key, 1, doc_key === "bad" ? large : {});
    }
    await documents(topic, (all) => all.map(({ docKey }) => docKey).join() === "a,c");
    await topicStatus(topic, ({ phase, head }) => phase === "live" && head === 3n);
    expect(errors[0]?.message).toContain("bad");
    expect(topic.getStatus()).toMatchObject({ watermark: 1n, error: errors.at(-1) });
    // What is saved may be ahead of the watermark, and never the other way round.
    await khala.flush();
    expect(await options.store.load(name)).toMatchObject({ cursor: { watermark: 1n } });
    await khala.close();

    // The next start, by a snapshot or by the stored state, is held up by it as little.
    const start = async (store: KhalaStore) => {
      const next = connect({ ...options, store }).topic(name);
      await live(next);
      await documents(next, (all) => all.length === 2);
      expect(next.getStatus().watermark).toBe(1n);
      return next;
    };
    const starts = [await start(asyncStorageStore(mapStorage())), await start(options.store)];
    isBroken = false;
    for (const each of starts) {
      await documents(each, (all) => all.length === 3);
      await topicStatus(each, (now) => now.watermark === 3n && now.error === null);
      expect(plain(each.getSnapshot())).toEqual(await database.documents(name));
    }
  },
);
