/** Tokens: refreshed in band, refused, missing, expired under a live connection. */

import { expect, onTestFinished, test, vi } from "vitest";
import WebSocket from "ws";
import { createKhalaClient, isKhalaError, type WebSocketClass } from "../src/index.js";
import { organisationOf, readerOf } from "../src/wire/token.js";
import { connect, openDatabase, token } from "./harness/server.js";
import { documents, live, status } from "./harness/waiting.js";

test("a token is refreshed in band: the connection outlives the first one", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  let asked = 0;
  let refreshed = () => {};
  const second = new Promise<void>((resolve) => {
    refreshed = resolve;
  });
  const khala = connect({
    token: () => {
      asked++;
      if (asked === 2) {
        refreshed();
      }
      return token([name], { ttlSeconds: asked === 1 ? 4 : 3600 });
    },
  });
  const states: string[] = [];
  khala.onStatus(({ state }) => {
    if (state !== states.at(-1)) {
      states.push(state);
    }
  });
  const topic = khala.topic(name);
  await live(topic);
  await second;
  // What is tested is that a moment passes: the end of the first token.
  await database.value("SELECT pg_sleep(2)");
  await database.sink(name, "a", 1, { n: 1 });
  await documents(topic, (found) => found.length === 1);
  expect(states).toEqual(["connecting", "connected"]);
  expect(asked).toBe(2);
});

test("an expired token closes the connection; a provider with a new one is asked at once", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  let current = token([name], { ttlSeconds: 2 });
  const errors: string[] = [];
  const khala = connect({ token: async () => current, onError: ({ code }) => errors.push(code) });
  const topic = khala.topic(name);
  await live(topic);
  const { error } = await status(khala, ({ state }) => state === "needs-auth");
  expect(isKhalaError(error, "unauthorized")).toBe(true);
  current = token([name]);
  await status(khala, ({ state }) => state === "connected");
  await database.sink(name, "a", 1, { n: 1 });
  await documents(topic, (found) => found.length === 1);
  expect(errors).toEqual(["unauthorized"]);
});

test("a refused token needs another; `connect` asks for it without waiting", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  let current: string | null = "not.a.token";
  const khala = connect({
    token: () => current,
    backoff: { baseMs: 60_000, capMs: 60_000 },
  });
  khala.topic(name).subscribe(() => {});
  const refused = await status(khala, ({ state }) => state === "needs-auth");
  expect(refused.error?.code).toBe("unauthorized");
  current = token([name]);
  khala.connect();
  await status(khala, ({ state }) => state === "connected");
  expect(khala.getStatus().error).toBeNull();

  khala.disconnect();
  current = null;
  khala.connect();
  const signedOut = await status(khala, ({ state }) => state === "needs-auth");
  expect(signedOut.error?.code).toBe("unauthorized");
});

test("a revoked token ends a live connection", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  const subject = `revoked ${name}`;
  const khala = connect({ token: token([name], { subject }) });
  await live(khala.topic(name));
  await database.value("SELECT khala.revoke('sub', $1)", subject);
  const { error } = await status(khala, ({ state }) => state === "needs-auth");
  expect(error?.code).toBe("unauthorized");
});

test("a provider that fails is asked again", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  let asked = 0;
  const errors: string[] = [];
  const khala = connect({
    token: () => {
      asked++;
      if (asked < 3) {
        throw new Error("the sign-in server is away");
      }
      return token([name]);
    },
    onError: ({ message }) => errors.push(message),
  });
  await live(khala.topic(name));
  expect(errors).toEqual(Array(2).fill("the token provider failed: the sign-in server is away"));
});

test("a program without `onError` hears of errors on the console", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => warned.mockRestore());
  const khala = createKhalaClient({
    url: "ws://127.0.0.1:1/socket/websocket",
    WebSocket: WebSocket as unknown as WebSocketClass,
    token: token([]),
  });
  onTestFinished(() => khala.close());
  khala.connect();
  await status(khala, ({ attempt }) => attempt === 2);
  // Once, however often it is tried.
  const said = expect.stringMatching(/^khala: http:\/\/127\.0\.0\.1:1 cannot be reached: /);
  expect(warned.mock.calls).toEqual([[said]]);
});

test("a server that is not there: disconnected, tried again, until told to stop", async () => {
  const khala = connect({
    url: "ws://127.0.0.1:1/socket/websocket",
    token: token([]),
    backoff: { baseMs: 1, capMs: 5 },
  });
  khala.connect();
  const { error } = await status(khala, ({ attempt }) => attempt === 3);
  expect(error?.code).toBe("transport");
  khala.disconnect();
  expect(khala.getStatus()).toMatchObject({ state: "disconnected", attempt: 0, retryAt: null });
});

test("what a token says of its organisation", () => {
  expect(organisationOf(token([], { org: "a~b?c>" }))).toBe("a~b?c>");
  expect(organisationOf("opaque")).toBe("");
  expect(organisationOf("a.b.c")).toBe("");
});

test("what narrows a topic: its own scopes, or those that may have its other name", () => {
  const reader = (...scopes: string[]) => readerOf("acme", scopes, "t.a");
  expect(reader("t.a", "t.a/x/")).toBe("acme");
  expect(reader("t.b")).toBe("acme");
  expect(reader("t.a/y/", "t.b/z/", "t.a/x/")).toBe(reader("t.a/x/", "t.a/y/"));
  expect(reader("OTHER_NAME/x/")).not.toBe(reader("OTHER_NAME/y/"));
});

test("a token up to the relay's limit connects; a longer one says why it does not", async () => {
  const database = await openDatabase();
  const name = await database.topic();
  // A claim that nobody reads makes a good token as long as is allowed.
  const long = connect({ token: () => token([name], { subject: "s".repeat(11_000) }) });
  await live(long.topic(name));
  for (const [size, code] of [
    [16 * 1024 + 1, "unauthorized"],
    [80 * 1024, "payload_too_large"],
  ] as const) {
    const khala = connect({ token: () => "x".repeat(size) });
    khala.topic(name).subscribe(() => {});
    const { error } = await status(khala, (now) => now.error !== null);
    expect(error?.code).toBe(code);
  }
});
