/** A component with a live query of TanStack DB shows a topic. */

import { createCollection, eq, useLiveQuery } from "@tanstack/react-db";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { expect, test } from "vitest";
import { khalaCollectionOptions } from "../../src/tanstack/index.js";
import { openPage } from "../harness/page.js";
import { connect, openDatabase, token } from "../harness/server.js";

interface Run {
  readonly id: string;
  readonly state: string;
}

test("a live query in a component shows rows that come and go", async () => {
  const { window } = openPage();
  const database = await openDatabase();
  const name = await database.topic();
  await database.sink(name, "a", 1, { id: "a", state: "running" });
  await database.sink(name, "b", 1, { id: "b", state: "done" });
  const collection = createCollection(
    khalaCollectionOptions({
      client: connect({ token: token([name]) }),
      topic: name,
      getKey: ({ id }: Run) => id,
    }),
  );
  function Running() {
    const { data, isLoading } = useLiveQuery((q) =>
      q.from({ run: collection }).where(({ run }) => eq(run.state, "running")),
    );
    return <p>{isLoading ? "loading" : data.map(({ id }) => id).join(", ")}</p>;
  }
  const element = window.document.createElement("div");
  const root = createRoot(element as unknown as Element);
  const shows = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => element.textContent === text && resolve();
      new window.MutationObserver(look).observe(element, {
        characterData: true,
        childList: true,
        subtree: true,
      });
      look();
    });
  root.render(
    <StrictMode>
      <Running />
    </StrictMode>,
  );
  await shows("a");
  await database.sink(name, "b", 2, { id: "b", state: "running" });
  await shows("a, b");
  await database.remove(name, "a", 2);
  await shows("b");
  root.unmount();
  await collection.cleanup();
  expect(collection.status).toBe("cleaned-up");
});
