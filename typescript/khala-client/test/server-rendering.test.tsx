/** Rendering on a server: nothing begins there, and a page takes over what was rendered. */

import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { createKhalaClient, type KhalaClient, type KhalaTopic } from "../src/index.js";
import {
  useKhalaDocument,
  useKhalaStatus,
  useKhalaTopic,
  useKhalaTopicStatus,
} from "../src/react.js";
import { openPage } from "./harness/page.js";
import { connect, openDatabase, token } from "./harness/server.js";
import { topicStatus } from "./harness/waiting.js";

type Run = { readonly state: string };

interface RunsProps {
  readonly khala: KhalaClient;
  readonly topic: KhalaTopic<Run>;
}

function Runs({ khala, topic }: RunsProps) {
  const { data, isLoading } = useKhalaTopic(topic, (all) =>
    all.map(({ docKey, payload }) => `${docKey} ${payload.state}`),
  );
  const one = useKhalaDocument(topic, "run-1").data?.payload.state ?? "none";
  const { state } = useKhalaStatus(khala);
  const { phase } = useKhalaTopicStatus(topic);
  return <p>{`${state}, ${phase}: ${isLoading ? "loading" : data.join("; ")}, ${one}`}</p>;
}

test("on a server a client is inert, and a page takes over what was rendered", async () => {
  const before = process.getActiveResourcesInfo();
  vi.stubGlobal("WebSocket", undefined);
  const inert = createKhalaClient({ url: "/socket/websocket", token: "none" });
  const html = renderToString(<Runs khala={inert} topic={inert.topic("any")} />);
  expect(html).toBe("<p>disconnected, idle: loading, none</p>");
  expect(process.getActiveResourcesInfo()).toEqual(before);
  const usage = expect.objectContaining({ code: "usage" });
  expect(() => inert.topic("any").subscribe(() => {})).toThrow(usage);
  expect(() => inert.connect()).toThrow(usage);
  vi.unstubAllGlobals();

  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "run-1", 1, { state: "running" });
  const khala = connect({ token: token([name]) });
  const topic = khala.topic<Run>(name);
  // It has documents before the page takes over, and the server had none.
  const unfollow = topic.subscribe(() => {});
  await topicStatus(topic as KhalaTopic, ({ phase }) => phase === "live");
  const { window } = openPage();
  const said = vi.spyOn(console, "error");
  const element = window.document.createElement("div");
  element.innerHTML = html;
  const onRecoverableError = vi.fn();
  const root = hydrateRoot(element as unknown as Element, <Runs khala={khala} topic={topic} />, {
    onRecoverableError,
  });
  await vi.waitFor(
    () => expect(element.textContent).toBe("connected, live: run-1 running, running"),
    { timeout: 20_000, interval: 10 },
  );
  expect(onRecoverableError).not.toHaveBeenCalled();
  expect(said).not.toHaveBeenCalled();
  said.mockRestore();
  unfollow();
  root.unmount();
  // React has then finished with the page.
  await topicStatus(topic as KhalaTopic, ({ phase }) => phase === "idle");
});
