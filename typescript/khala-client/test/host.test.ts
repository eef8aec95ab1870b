/** What the program and the platform supply may never answer: it is reported, and there is a way on. */

import "fake-indexeddb/auto";
import { expect, onTestFinished, test, vi } from "vitest";
import WebSocket from "ws";
import type { AnyKhalaError, KhalaStore } from "../src/index.js";
import { asyncStorageStore, createKhalaClient, indexedDbStore } from "../src/index.js";
import type { WebSocketClass } from "../src/types.js";
import { connect, openDatabase, server, token } from "./harness/server.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live, status, topicStatus } from "./harness/waiting.js";

/** Answers that do not come before they are released. */
function stuck() {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { release, answer: <T>(work: () => Promise<T>): Promise<T> => released.then(work) };
}

/** Errors as they come, and waiting for one. */
function reported() {
  const errors: AnyKhalaError[] = [];
  let look = () => {};
  return {
    errors,
    onError: (error: AnyKhalaError) => {
      errors.push(error);
      look();
    },
    has: (code: string, what: string) =>
      new Promise<AnyKhalaError>((resolve) => {
        look = () => {
          const found = errors.find((one) => one.code === code && one.message.includes(what));
          if (found !== undefined) {
            resolve(found);
          }
        };
        look();
      }),
  };
}

/** Each waits for a time limit: they wait together. */
const SCENARIOS = {
  ["a token that does not come: reported, asked for again, and at once when told"]: async () => {
    const database = await openDatabase();
    const name = await database.topic();
    const host = stuck();
    const { has, onError } = reported();
    const khala = connect({ token: () => host.answer(async () => token([name])), onError });
    khala.topic(name).subscribe(() => {});
    await has("transport", "token: no response in 10 s");
    expect(khala.getStatus()).toMatchObject({ state: "disconnected", attempt: 1 });
    await status(khala, ({ state }) => state === "connecting");
    host.release();
    khala.connect();
    await live(khala.topic(name));
  },

  ["a store that does not answer: live from memory, and `close` ends"]: async () => {
    const database = await openDatabase();
    const name = await database.topic();
    await database.sink(name, "a", 1, { n: 1 });
    const { has, errors, onError } = reported();
    const never = () => new Promise<never>(() => {});
    const store: KhalaStore = { load: never, commit: never, clear: never, close: never };
    const khala = createKhalaClient({
      url: server.ws,
      WebSocket: WebSocket as unknown as WebSocketClass,
      token: token([name]),
      store,
      onError,
    });
    await live(khala.topic(name));
    await documents(khala.topic(name), (all) => all.length === 1);
    await has("store", "no response in 10 s");
    await expect(khala.close()).rejects.toMatchObject({ code: "store" });
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["store"]));
  },

  ["a store that answers again has everything that was missed"]: async () => {
    const database = await openDatabase();
    const name = await database.topic();
    const inner = asyncStorageStore(mapStorage());
    const host = stuck();
    const { has, onError } = reported();
    const store: KhalaStore = { ...inner, commit: (one) => host.answer(() => inner.commit(one)) };
    const khala = connect({ token: token([name]), store, onError });
    await live(khala.topic(name));
    await database.sink(name, "a", 1, { n: 1 });
    await has("store", "no response");
    await has("store", "has not ended yet");
    expect(await inner.load(name)).toBeNull();
    host.release();
    await vi.waitFor(() => khala.flush());
    expect(await inner.load(name)).toMatchObject({ versions: [{ docKey: "a" }] });
  },

  ["a request that does not end, whatever its signal says"]: async () => {
    const database = await openDatabase();
    const name = await database.topic();
    const host = stuck();
    let requests = 0;
    const slow: typeof fetch = (...request) =>
      requests++ === 0 ? host.answer(() => fetch(...request)) : fetch(...request);
    const khala = connect({ token: token([name]), fetch: slow });
    const topic = khala.topic(name);
    topic.subscribe(() => {});
    await topicStatus(topic, ({ phase }) => phase === "recovering");
    await topicStatus(topic, ({ phase }) => phase === "live");
  },

  ["a hash that does not come: reported, tried again"]: async () => {
    const database = await openDatabase();
    const name = await database.topic();
    await database.sink(name, "a", 1, { n: 1 });
    const host = stuck();
    const { has, onError } = reported();
    const sha256 = (bytes: Uint8Array<ArrayBuffer>) =>
      host.answer(() => crypto.subtle.digest("SHA-256", bytes));
    const topic = connect({ token: token([name]), sha256, onError }).topic(name);
    topic.subscribe(() => {});
    await has("transport", "sha256: no response");
    host.release();
    await documents(topic, (all) => all.length === 1);
  },

  ["`onStaleCursor` that does not end holds up nothing for ever"]: async () => {
    const database = await openDatabase();
    const name = await database.topic();
    const { has, onError } = reported();
    const never = () => new Promise<never>(() => {});
    const topic = connect({ token: token([name]), onStaleCursor: never, onError }).topic(name);
    await live(topic);
    const recovering = topicStatus(topic, ({ phase }) => phase === "recovering");
    await database.value("SELECT khala.new_epoch()");
    await recovering;
    await has("usage", "onStaleCursor: no response");
    await live(topic);
  },
};

// By itself: a scenario above changes the epoch, and a snapshot in between needs no fetch again.
test("a hash that fails while a document is fetched again: reported, tried again", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, { n: 1 });
  const { has, onError } = reported();
  let calls = 0;
  const sha256 = async (bytes: Uint8Array<ArrayBuffer>) => {
    calls++;
    if (calls === 3) {
      throw new Error("no hash now");
    }
    // Of the snapshot, and of the document that is fetched because of it.
    return crypto.subtle.digest("SHA-256", calls < 3 ? new Uint8Array() : bytes);
  };
  const topic = connect({ token: token([name]), sha256, onError }).topic(name);
  topic.subscribe(() => {});
  await has("payload_hash_mismatch", "announced hash");
  await documents(topic, (all) => all.length === 1);
  await has("transport", "no hash now");
});

test("what never answers", { timeout: 60_000 }, async () => {
  await Promise.all(Object.values(SCENARIOS).map((scenario) => scenario()));
});

test("an `onError` that throws stops nothing", async () => {
  const thrown: unknown[] = [];
  vi.stubGlobal("queueMicrotask", (work: () => void) => {
    try {
      work();
    } catch (error) {
      thrown.push(error);
    }
  });
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
  const database = await openDatabase();
  const name = await database.topic();
  let calls = 0;
  const khala = connect({
    token: () => {
      if (calls++ === 0) {
        throw new Error("no network");
      }
      return token([name]);
    },
    onError: () => {
      throw new Error("a fault of the program");
    },
  });
  await live(khala.topic(name));
  expect(thrown).toEqual([new Error("a fault of the program")]);
});

const commit = (name: string) => ({
  topic: name,
  base: null,
  versions: [],
  cursor: { watermark: 1n, epoch: "e", org: "" },
  force: false,
});

test("an IndexedDB that does not open, and one that dies without a word", {
  timeout: 60_000,
}, async () => {
  const { open } = indexedDB;
  onTestFinished(() => {
    indexedDB.open = open;
    vi.restoreAllMocks();
  });
  indexedDB.open = () => ({}) as IDBOpenDBRequest;
  const store = indexedDbStore({ name: "dies" });
  await expect(store.load("t")).rejects.toMatchObject({ code: "store" });
  await store.close();
  indexedDB.open = open;
  expect(await store.load("t")).toBeNull();

  vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementationOnce(() => {
    throw new DOMException("The database connection is closing.", "InvalidStateError");
  });
  await expect(store.commit(commit("t"))).rejects.toMatchObject({ name: "InvalidStateError" });
  expect(await store.commit(commit("t"))).toBe(true);

  vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementationOnce(
    () => ({ objectStore: () => ({ get: () => ({}) }) }) as unknown as IDBTransaction,
  );
  await expect(store.commit(commit("t"))).rejects.toMatchObject({ code: "store" });
  expect(await store.load("t")).toMatchObject({ cursor: { watermark: 1n } });
});
