/** The official Phoenix client, unmodified, against the relay; and those that are refused. */

import { type Channel, Socket } from "phoenix";
import { expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { killRelay, openDatabase, server, token } from "./harness/server.js";

const ENDPOINT = server.ws.replace(/\/websocket$/, "");

interface Update {
  readonly topic: string;
  readonly doc_key: string;
  readonly watermark: number;
}

interface Batch {
  readonly updates: readonly Update[];
  readonly covered_watermarks: readonly { topic: string; watermark: number }[];
}

function socketOf(options: object): Socket {
  const socket = new Socket(ENDPOINT, {
    transport: WebSocket as unknown as typeof globalThis.WebSocket,
    reconnectAfterMs: () => 100,
    rejoinAfterMs: () => 100,
    ...options,
  });
  onTestFinished(() => new Promise((resolve) => socket.disconnect(resolve)));
  socket.connect();
  return socket;
}

/** A push's answer. */
function answer(push: ReturnType<Channel["push"]>): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    push
      .receive("ok", resolve)
      .receive("error", (error) => reject(Object.assign(new Error("refused"), error)))
      .receive("timeout", () => reject(new Error("timeout")));
  });
}

/** Keeps every update that comes, and tells when there are enough. */
function collect(channel: Channel) {
  const updates: Update[] = [];
  let covered = 0;
  let look = () => {};
  channel.on("sync:update_batch", (batch: Batch) => {
    updates.push(...batch.updates);
    covered = batch.covered_watermarks[0]?.watermark ?? covered;
    look();
  });
  return {
    updates,
    covered: () => covered,
    until: (count: number) =>
      new Promise<void>((resolve) => {
        look = () => updates.length >= count && resolve();
        look();
      }),
  };
}

test.each([
  ["in the URL", (jwt: string) => ({ params: { token: jwt } })],
  ["among the subprotocols", (jwt: string) => ({ authToken: jwt })],
])("joins with the token %s, subscribes, receives, unsubscribes, leaves", async (_, options) => {
  const database = await openDatabase();
  const topic = await database.topic();
  await database.sink(topic, "a", 1, { n: 1 });
  const socket = socketOf(options(token([topic])));
  const channel = socket.channel("sync:v1");
  const collected = collect(channel);
  const joined = await answer(channel.join());
  expect(joined).toMatchObject({ allowed_topics: [topic], epoch: expect.any(String) });
  expect(await answer(channel.push("sync:subscribe", { topics: [topic] }))).toMatchObject({
    topics: [topic],
    head_watermarks: [{ topic, watermark: 1 }],
  });
  await collected.until(1);
  await database.sink(topic, "b", 1, { n: 2 });
  await collected.until(2);
  expect(collected.updates.map(({ doc_key }) => doc_key)).toEqual(["a", "b"]);

  await expect(
    answer(channel.push("sync:subscribe", { topics: ["no.such_topic"] })),
  ).rejects.toMatchObject({ code: "forbidden_topic" });
  expect(await answer(channel.push("sync:heartbeat", {}))).toMatchObject({
    watermarks: [{ topic, watermark: 2 }],
  });
  expect(await answer(channel.push("sync:unsubscribe", { topics: [topic] }))).toMatchObject({
    topics: [],
  });
  const closed = new Promise<void>((resolve) => {
    channel.onClose(() => resolve());
  });
  await answer(channel.leave() as ReturnType<Channel["push"]>);
  await closed;
  expect(channel.state).toBe("closed");
  expect(socket.isConnected()).toBe(true);
});

test("reconnects after the relay's death, rejoins, and resumes where it was", async () => {
  const database = await openDatabase();
  const topic = await database.topic();
  const socket = socketOf({ params: () => ({ token: token([topic]) }) });
  const channel = socket.channel("sync:v1");
  const collected = collect(channel);
  // The join's handler runs again at every rejoin; what is subscribed is the program's to say.
  channel.join().receive("ok", () => {
    channel.push("sync:subscribe", {
      topics: [topic],
      resume_after: { [topic]: collected.covered() },
    });
  });
  await database.sink(topic, "a", 1, { n: 1 });
  await collected.until(1);
  const lost = new Promise<void>((resolve) => {
    socket.onClose(() => resolve());
  });
  killRelay();
  await lost;
  await database.sink(topic, "b", 1, { n: 1 });
  await database.sink(topic, "c", 1, { n: 1 });
  await collected.until(3);
  expect(collected.updates.map(({ watermark }) => watermark)).toEqual([1, 2, 3]);
});

/** How the server answers an opening request. */
function opening(url: string): Promise<{ status: number | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.once("open", () => reject(new Error("it opened")));
    socket.once("unexpected-response", (_, response) => {
      let body = "";
      response.on("data", (data) => {
        body += data;
      });
      response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(body) }));
    });
  });
}

test.each([
  ["no version, which means 1", ""],
  ["version 1", "&vsn=1.0.0"],
  ["a version that is not there yet", "&vsn=3.0.0"],
])("%s is refused with a reason", async (_, version) => {
  const { status, body } = await opening(`${server.ws}?token=${token([])}${version}`);
  expect(status).toBe(403);
  expect(body).toMatchObject({
    code: "unsupported_version",
    message: expect.stringContaining("vsn=2.0.0"),
  });
});

test("a token that does not hold is refused with a reason", async () => {
  for (const bad of ["", "not.a.token", token([], { ttlSeconds: -600 })]) {
    const { status, body } = await opening(`${server.ws}?vsn=2.0.0&token=${bad}`);
    expect(status).toBe(403);
    expect(body).toMatchObject({ code: "unauthorized" });
  }
});
