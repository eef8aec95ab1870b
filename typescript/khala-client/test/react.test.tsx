/** React: hooks, strict mode, what is shown after a final error. */

import { Window } from "happy-dom";
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { KhalaClient, KhalaTopic } from "../src/index.js";
import {
  KhalaErrorBoundary,
  useKhalaDocument,
  useKhalaStatus,
  useKhalaTopic,
  useKhalaTopicStatus,
} from "../src/react.js";
import type { WebSocketClass } from "../src/types.js";
import { Prompted } from "./harness/prompted.js";
import { connect, type Database, openDatabase, token } from "./harness/server.js";
import { documents, live, topicStatus } from "./harness/waiting.js";

type Run = { readonly state: string };

interface RunsProps {
  readonly khala: KhalaClient;
  readonly topic: KhalaTopic<Run>;
}

function Runs({ khala, topic }: RunsProps) {
  const { data, isLoading } = useKhalaTopic(topic);
  const { state } = useKhalaStatus(khala);
  const { phase } = useKhalaTopicStatus(topic);
  const runs = data.map(({ docKey, payload }) => `${docKey} ${payload.state}`);
  return <p>{`${state}, ${phase}: ${isLoading ? "loading" : runs.join("; ")}`}</p>;
}

// One page for all: React finishes the work of a test after its end.
const window = new Window();
beforeAll(() => {
  vi.stubGlobal("window", window);
  vi.stubGlobal("document", window.document);
});

function show(view: ReactNode) {
  const element = window.document.createElement("div");
  const root = createRoot(element as unknown as Element);
  onTestFinished(() => root.unmount());
  root.render(view);
  return { root, element, shows: (text: string) => shows(element, text) };
}

async function shows(element: { readonly textContent: string }, text: string) {
  await vi.waitFor(() => expect(element.textContent).toBe(text), { timeout: 20_000, interval: 10 });
}

async function topicOf(database: Database, ...keys: string[]) {
  const name = await database.topic();
  for (const key of keys) {
    await database.sink(name, key, 1, { state: "running" });
  }
  return name;
}

test("a component shows a topic; strict mode neither subscribes twice nor loses anything", async () => {
  const database = await openDatabase();
  const name = await topicOf(database, "run-1");
  const sent: string[] = [];
  class Counted extends Prompted {
    override send(data: string) {
      sent.push(data);
      super.send(data);
    }
  }
  const khala = connect({
    token: token([name]),
    WebSocket: Counted as unknown as WebSocketClass,
  });
  const topic = khala.topic<Run>(name);
  const { root, shows } = show(
    <StrictMode>
      <Runs khala={khala} topic={topic} />
    </StrictMode>,
  );
  await shows("connected, live: run-1 running");
  await database.sink(name, "run-1", 2, { state: "done" });
  await shows("connected, live: run-1 done");
  expect(sent.filter((each) => each.includes("sync:subscribe"))).toHaveLength(1);
  root.unmount();
  await topicStatus(topic as KhalaTopic, ({ phase }) => phase === "idle");
  expect(sent.filter((each) => each.includes("sync:unsubscribe"))).toHaveLength(1);
});

test("a selection that is equal renders nothing again, even if it is made anew", async () => {
  const database = await openDatabase();
  const name = await topicOf(database, "a", "b");
  const khala = connect({ token: token([name]) });
  const topic = khala.topic<Run>(name);
  const renders = { selected: 0, document: 0 };
  function Selected() {
    renders.selected++;
    const { data } = useKhalaTopic(topic, (all) =>
      all.filter(({ docKey }) => docKey === "a").map(({ payload }) => ({ now: payload.state })),
    );
    return data.map(({ now }) => now).join();
  }
  function One() {
    renders.document++;
    return useKhalaDocument(topic, "a").data?.payload.state ?? "none";
  }
  const { shows } = show([<Selected key="1" />, ", ", <One key="2" />]);
  await shows("running, running");
  await live(topic as KhalaTopic);
  const before = { ...renders };
  for (let version = 2; version < 8; version++) {
    await database.sink(name, "b", version, { state: `${version}` });
  }
  await documents(topic as KhalaTopic, (all) => all[1]?.docVersion === 7n);
  await database.sink(name, "a", 2, { state: "done" });
  await shows("done, done");
  expect(renders).toEqual({ selected: before.selected + 1, document: before.document + 1 });
});

test("a topic that is not there yet, another one, and a document by a key that changes", async () => {
  const database = await openDatabase();
  const [one, other] = [await topicOf(database, "a"), await topicOf(database, "b", "c")];
  const khala = connect({ token: token([one, other]) });
  // What passes may have passed before one looks.
  const rendered = new Set<string>();
  function Keys({ name, docKey }: { name: string | null; docKey: string | null }) {
    const topic = name === null ? null : khala.topic<Run>(name);
    const { data, isLoading, error } = useKhalaTopic(topic, (all) =>
      all.map((each) => each.docKey),
    );
    const found = useKhalaDocument(topic, docKey).data?.docKey ?? "none";
    const { phase } = useKhalaTopicStatus(topic);
    const text = isLoading ? "loading" : `${phase}, ${data.join()}, ${found}, ${error}`;
    rendered.add(text);
    return text;
  }
  const { root, shows } = show(<Keys name={null} docKey={null} />);
  await shows("idle, , none, null");
  expect(rendered).not.toContain("loading");
  root.render(<Keys name={one} docKey={null} />);
  await shows("live, a, none, null");
  expect(rendered).toContain("loading");
  root.render(<Keys name={one} docKey="a" />);
  await shows("live, a, a, null");
  root.render(<Keys name={other} docKey="c" />);
  await shows("live, b,c, c, null");
  root.render(<Keys name={null} docKey="c" />);
  await shows("idle, , none, null");
});

test("an error that ends a topic, or its client: returned, or shown by a boundary that tries again", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => said.mockRestore());
  const database = await openDatabase();
  const name = await topicOf(database, "run-1");
  const scopes = ["test.none"];
  const khala = connect({
    token: () => token(scopes),
    WebSocket: Prompted as unknown as WebSocketClass,
  });
  const topic = khala.topic<Run>(name);
  const again = new Set<() => void>();
  function State() {
    const { data, isLoading, error, retry } = useKhalaTopic(topic);
    again.add(retry);
    return error?.code ?? (isLoading ? "loading" : data.map(({ docKey }) => docKey).join());
  }
  const outside = show(<State />);
  await outside.shows("forbidden_topic");
  let retry = () => {};
  const errors = new Set<unknown>();
  const inside = show(
    <KhalaErrorBoundary
      fallback={(failure) => {
        retry = failure.retry;
        errors.add(failure.error);
        return `failed: ${failure.error.code}`;
      }}
    >
      <State />
    </KhalaErrorBoundary>,
  );
  await inside.shows("failed: forbidden_topic");
  retry();
  await vi.waitFor(() => expect(errors.size).toBe(2), { timeout: 20_000 });
  scopes.push(name);
  retry();
  await inside.shows("run-1");
  await outside.shows("run-1");
  expect(again.size).toBe(1);
  Prompted.last?.end(4403, "stay away");
  await inside.shows("failed: forbidden_topic");
  await outside.shows("forbidden_topic");
  expect(khala.getStatus().state).toBe("error");
  retry();
  await inside.shows("run-1");
  await outside.shows("run-1");
});

test("a boundary leaves the errors of others to the next one", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => said.mockRestore());
  const onUncaughtError = vi.fn();
  const element = window.document.createElement("div");
  const root = createRoot(element as unknown as Element, { onUncaughtError });
  const Broken = () => {
    throw new Error("not of Khala");
  };
  root.render(
    <KhalaErrorBoundary fallback={() => "caught"}>
      <Broken />
    </KhalaErrorBoundary>,
  );
  await vi.waitFor(() => expect(onUncaughtError).toHaveBeenCalled());
  expect(onUncaughtError.mock.calls[0]?.[0]).toMatchObject({ message: "not of Khala" });
  expect(element.textContent).toBe("");
});
