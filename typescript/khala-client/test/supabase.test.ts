/** Supabase's Phoenix client, unmodified, against the relay. */

import { RealtimeChannel, RealtimeClient } from "@supabase/realtime-js";
import { expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { openDatabase, server, token } from "./harness/server.js";

interface Payload {
  readonly updates?: readonly { readonly doc_key: string }[];
}

/** The Phoenix channel inside, which takes events of every name. */
interface Inner {
  on(event: string, callback: (payload: Payload) => void): void;
  push(event: string, payload: object): void;
}

test("it gets replay, live updates and heartbeats", async () => {
  const database = await openDatabase();
  const topic = await database.topic();
  await database.sink(topic, "before", 1, { n: 1 });
  const client = new RealtimeClient(server.ws.replace(/\/websocket$/, ""), {
    params: { apikey: "none", token: token([topic]) },
    transport: WebSocket as never,
  });
  onTestFinished(async () => {
    await client.disconnect();
  });
  // `client.channel` would put Supabase's own prefix before the name.
  const channel = new RealtimeChannel("sync:v1", { config: {} }, client);
  client.channels.push(channel);
  const inner = (channel as unknown as { readonly channelAdapter: Inner }).channelAdapter;
  const keys: string[] = [];
  let look = () => {};
  inner.on("sync:update_batch", ({ updates = [] }) => {
    keys.push(...updates.map(({ doc_key }) => doc_key));
    look();
  });
  const heartbeat = new Promise<Payload>((resolve) => inner.on("sync:heartbeat", resolve));
  await new Promise<void>((resolve, reject) => {
    channel.subscribe((state, error) =>
      error ? reject(error) : state === "SUBSCRIBED" && resolve(),
    );
  });
  inner.push("sync:subscribe", { topics: [topic] });
  const has = (key: string) =>
    new Promise<void>((resolve) => {
      look = () => keys.includes(key) && resolve();
      look();
    });
  await has("before");
  await database.sink(topic, "live", 1, { n: 1 });
  await has("live");
  expect(keys).toEqual(["before", "live"]);
  inner.push("sync:heartbeat", {});
  expect(await heartbeat).toEqual({ watermarks: [{ topic, watermark: 2 }] });
});
