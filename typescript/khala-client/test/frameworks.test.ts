// biome-ignore-all lint/correctness/useHookAtTopLevel: the rules of React's hooks, which these are not
/** Vue and Svelte: the same view as React's, in each framework's own way. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { Component, mount, unmount } from "svelte";
import { compile } from "svelte/compiler";
import type { render } from "svelte/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { createSSRApp, defineComponent, h, ref, type ShallowRef, shallowRef } from "vue";
import { renderToString } from "vue/server-renderer";
import type { KhalaTopic } from "../src/index.js";
import { useKhalaDocument, useKhalaTopic } from "../src/views/vue.js";
import { openPage } from "./harness/page.js";
import { connect, openDatabase, token } from "./harness/server.js";
import { live, topicStatus } from "./harness/waiting.js";

type Run = { readonly state: string };

async function shows(element: { readonly textContent: string }, text: string) {
  await vi.waitFor(() => expect(element.textContent).toBe(text), { timeout: 20_000, interval: 10 });
}

async function twoTopics() {
  const database = await openDatabase();
  const [one, other] = [await database.topic(), await database.topic()];
  await database.sink(one, "a", 1, { state: "running" });
  await database.sink(other, "b", 1, { state: "running" });
  const khala = connect({ token: token([one, other]) });
  return { database, one: khala.topic<Run>(one), other: khala.topic<Run>(other) };
}

test("Vue: a topic in a ref, a selection, a document; rendered on a server and taken over", async () => {
  const { database, one, other } = await twoTopics();
  const topic: ShallowRef<KhalaTopic<Run> | null> = shallowRef(one);
  const docKey = ref<string | null>("a");
  const drawn = vi.fn();
  const Runs = defineComponent({
    setup() {
      const { data, isLoading, error } = useKhalaTopic(topic, (all) =>
        all.map(({ payload }) => payload.state),
      );
      const document = useKhalaDocument(topic, docKey);
      return () => {
        drawn();
        const found = document.data.value?.payload.state ?? "none";
        return h("p", isLoading.value ? "loading" : `${data.value}, ${found}, ${error.value}`);
      };
    },
  });
  const html = await renderToString(createSSRApp(Runs));
  expect(html).toBe("<p>loading</p>");
  expect(one.getStatus().phase).toBe("idle");

  // It has documents before the page takes over, and the server had none.
  await live(one as KhalaTopic);
  const window = openWindow();
  const said = vi.spyOn(console, "warn");
  const failed = vi.spyOn(console, "error");
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const element = window.document.createElement("div");
  element.innerHTML = html;
  const app = createSSRApp(Runs);
  app.mount(element as unknown as Element);
  await shows(element, "running, running, null");
  expect(said).not.toHaveBeenCalled();
  expect(failed).not.toHaveBeenCalled();

  await database.sink(one.name, "a", 2, { state: "done" });
  await shows(element, "done, done, null");
  const before = drawn.mock.calls.length;
  await database.sink(one.name, "a", 3, { state: "done", also: "what is not selected" });
  await database.sink(one.name, "a", 4, { state: "failed" });
  await shows(element, "failed, failed, null");
  expect(drawn.mock.calls.length).toBeLessThanOrEqual(before + 2);
  topic.value = other;
  await shows(element, "running, none, null");
  docKey.value = "b";
  await shows(element, "running, running, null");
  topic.value = null;
  await shows(element, ", none, null");
  topic.value = other;
  await shows(element, "running, running, null");
  app.unmount();
  await topicStatus(other as KhalaTopic, ({ phase }) => phase === "idle");
});

const COMPONENT = `<script>
  import { khalaDocument, khalaTopic } from "khala-client/svelte";
  const { choices } = $props();
  let place = $state(0);
  const current = $derived(choices[place]);
  export const choose = (next) => {
    place = next;
  };
  const runs = $derived(khalaTopic(current.topic, (all) => all.map(({ payload }) => payload.state)));
  const found = $derived(khalaDocument(current.topic, current.docKey));
</script>
<p>{runs.isLoading ? "loading" : \`\${runs.data}, \${found.data?.payload.state ?? "none"}, \${runs.error}\`}</p>`;

/** The component with Svelte, bundled for a page or a server: each has a Svelte of its own. */
async function compiled<Module>(generate: "client" | "server"): Promise<Module> {
  const directory = resolve(".cache");
  mkdirSync(directory, { recursive: true });
  const place = mkdtempSync(join(directory, "svelte-"));
  onTestFinished(() => rmSync(place, { recursive: true }));
  const { js } = compile(COMPONENT, { generate });
  writeFileSync(join(place, "Runs.js"), js.code);
  const from = generate === "client" ? "svelte" : "svelte/server";
  await build({
    stdin: {
      contents: `export { default as Runs } from "./Runs.js"; export * from "${from}";`,
      resolveDir: place,
    },
    bundle: true,
    format: "esm",
    platform: generate === "client" ? "browser" : "node",
    alias: { "khala-client/svelte": resolve("src/views/svelte.ts") },
    outfile: join(place, "bundle.js"),
    logLevel: "error",
  });
  return import(/* @vite-ignore */ join(place, "bundle.js"));
}

type Runs = Component<Record<string, unknown>, { choose: (place: number) => void }>;

test("Svelte: a topic that changes, a selection, a document; rendered on a server", async () => {
  const { database, one, other } = await twoTopics();
  const server = await compiled<{ Runs: Component; render: typeof render }>("server");
  const choices = [
    { topic: one, docKey: "a" },
    { topic: other, docKey: "b" },
    { topic: null, docKey: "b" },
  ];
  const { body } = server.render(server.Runs, { props: { choices } });
  expect(body).toContain("<p>loading</p>");
  expect(one.getStatus().phase).toBe("idle");

  const window = openWindow();
  const page = await compiled<{ Runs: Runs; mount: typeof mount; unmount: typeof unmount }>(
    "client",
  );
  const element = window.document.createElement("div");
  const component = page.mount(page.Runs, {
    target: element as unknown as Element,
    props: { choices },
  });
  expect(element.textContent).toBe("loading");
  await shows(element, "running, running, null");
  await database.sink(one.name, "a", 2, { state: "done" });
  await shows(element, "done, done, null");
  component.choose(1);
  await shows(element, "running, running, null");
  await topicStatus(one as KhalaTopic, ({ phase }) => phase === "idle");
  component.choose(2);
  await shows(element, ", none, null");
  await page.unmount(component);
  await topicStatus(other as KhalaTopic, ({ phase }) => phase === "idle");
});

/** A page, with what frameworks look for beside `document`. */
function openWindow() {
  const { window } = openPage();
  for (const name of ["Element", "SVGElement", "MathMLElement", "Node", "Text", "Comment"]) {
    vi.stubGlobal(name, Reflect.get(window, name) ?? class {});
  }
  return window;
}
