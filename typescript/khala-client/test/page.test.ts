/** In a page: network and visibility, a connection that goes silent. */

import { createServer, connect as dial, type Socket as TcpSocket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { asyncStorageStore } from "../src/index.js";
import { openPage } from "./harness/page.js";
import { connect, openDatabase, server, token } from "./harness/server.js";
import { mapStorage } from "./harness/storage.js";
import { documents, live, status } from "./harness/waiting.js";

test("offline: no tries until the network is back", async () => {
  const page = openPage();
  const database = await openDatabase();
  const name = await database.topic();
  const proxy = await openProxy();
  const khala = connect({ url: proxy.url, token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  page.setOnline(false);
  proxy.cut();
  const { retryAt } = await status(khala, ({ retryAt }) => retryAt !== null);
  expect(Number(retryAt) - Date.now()).toBeGreaterThan(20_000);
  await database.sink(name, "a", 1, { n: 1 });
  page.setOnline(true);
  await documents(topic, (found) => found.length === 1);
});

test("a hidden page saves; a page that is shown again tries at once", async () => {
  const page = openPage();
  const database = await openDatabase();
  const name = await database.topic();
  const proxy = await openProxy();
  const store = asyncStorageStore(mapStorage());
  const saved = vi.spyOn(store, "commit");
  const khala = connect({ url: proxy.url, token: token([name]), store, saveEveryMs: 1e9 });
  const topic = khala.topic(name);
  await live(topic);
  expect(saved).not.toHaveBeenCalled();
  page.setVisible(false);
  await vi.waitFor(() => expect(saved).toHaveBeenCalledOnce(), { timeout: 10_000 });
  proxy.cut();
  await status(khala, ({ retryAt }) => retryAt !== null);
  page.setVisible(true);
  await status(khala, ({ state }) => state === "connected");
});

test("a connection that went silent is found out when the page is shown again", async () => {
  const page = openPage();
  const database = await openDatabase();
  const name = await database.topic();
  const proxy = await openProxy();
  const khala = connect({ url: proxy.url, token: token([name]) });
  const topic = khala.topic(name);
  await live(topic);
  page.setVisible(false);
  proxy.mute();
  await database.sink(name, "a", 1, { n: 1 });
  page.setVisible(true);
  const { error } = await status(khala, ({ state }) => state === "disconnected");
  expect(error?.message).toContain("nothing heard");
  await documents(topic, (found) => found.length === 1);
});

/** A network between client and relay that can be cut, or swallow what it is given. */
async function openProxy() {
  const target = new URL(server.ws);
  const pairs = new Set<readonly [TcpSocket, TcpSocket]>();
  const listener = createServer((near) => {
    const far = dial(Number(target.port), target.hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => pair.map((each) => each.destroy()));
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") {
    throw new Error("no port");
  }
  const cut = () => {
    for (const [near] of pairs) {
      near.destroy();
    }
    pairs.clear();
  };
  onTestFinished(() => {
    cut();
    listener.close();
  });
  return {
    url: `ws://127.0.0.1:${address.port}${target.pathname}`,
    cut,
    /** What runs now gets nothing more through; new connections do. */
    mute: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
  };
}
