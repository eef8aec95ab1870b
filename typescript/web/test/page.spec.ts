/** The page in a real browser, before a real relay and database. */

import { preview } from "vite";
import { expect, isLive, open, row, test } from "./harness/fixtures";
import { type Event, ready } from "./harness/server";

test("what changes in the database changes on the page, without a reload", async ({
  page,
  database,
}) => {
  await open(page);
  await expect(page.getByText("No runs yet.")).toBeVisible();
  await database.start("live-1", "a build");
  await expect(row(page, "live-1")).toContainText("a build");
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));

  await row(page, "live-1").click();
  const details = page.getByTestId("details");
  const events = details.getByTestId("timeline").getByRole("listitem");
  await expect(events).toHaveCount(1);
  await database.progress("live-1", 2, "compiling");
  await expect(row(page, "live-1")).toContainText("compiling");
  await expect(events).toHaveCount(2);
  await expect(events.first()).toContainText("progress");
  await expect(events.first()).toContainText("compiling");
  await database.ingest([
    { entity: "run", id: "live-1", seq: 3, type: "run.finished", payload: { exit_code: 2 } },
  ]);
  await expect(row(page, "live-1").locator(".pill")).toHaveText("failed");
  await expect(events).toHaveCount(3);
  await expect(details).toContainText("exit code 2");
  await expect(page.getByTestId("lag-runs")).toHaveText("0");

  await database.ingest([{ entity: "codex_worker", id: "worker-1", seq: 1, type: "worker.idle" }]);
  await page.getByRole("link", { name: "Workers" }).click();
  await expect(row(page, "worker-1")).toContainText("idle");
  expect(await page.evaluate(() => "isSamePage" in window)).toBe(true);
});

test("filter and search", async ({ page, database }) => {
  for (const [id, title] of [
    ["find-1", "alpha build"],
    ["find-2", "beta build"],
    ["find-3", "beta test"],
  ] as const) {
    await database.start(id, title);
  }
  await database.ingest([{ entity: "run", id: "find-3", seq: 2, type: "run.finished" }]);
  await open(page);
  const rows = page.getByTestId("table").locator(".row");
  await expect(rows).toHaveCount(3);
  await page.getByRole("searchbox").fill("build BETA");
  await expect(rows).toHaveCount(1);
  await page.getByRole("searchbox").fill("nothing like it");
  await expect(page.getByText("Nothing matches.")).toBeVisible();
  await page.getByRole("searchbox").fill("beta");
  await page.getByRole("button", { name: "succeeded 1" }).click();
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("find-3");
  await database.query(
    "SELECT khala.sink_delete('runtime.run_summaries', 'runtime/run_summary:find-3', 9, 'dev')",
  );
  await expect(rows).toHaveCount(0);
  await page.getByRole("button", { name: "succeeded 0" }).click();
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("find-2");
});

test("offline, then it resumes where it was", async ({ page, database, cable, context }) => {
  await database.start("away-1", "before");
  await open(page);
  const watermark = Number(await page.getByTestId("watermark-runs").textContent());
  await context.setOffline(true);
  cable.pull();
  await expect(page.getByTestId("connection")).toHaveAttribute("data-state", "disconnected");
  await expect(page.getByTestId("away")).toContainText("Not up to date");
  await expect(page.getByTestId("lag-runs"), "nobody knows it").toHaveText("–");
  await database.progress("away-1", 2, "while away");
  await database.start("away-2", "new while away");
  await expect(row(page, "away-1")).toContainText("before");
  await expect(row(page, "away-2")).toHaveCount(0);

  const snapshots: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/sync/snapshot?")) {
      snapshots.push(request.url());
    }
  });
  cable.plug();
  await context.setOffline(false);
  await expect(row(page, "away-2")).toContainText("new while away");
  await expect(row(page, "away-1")).toContainText("while away");
  await isLive(page);
  await expect(page.getByTestId("away")).toHaveCount(0);
  await expect(page.getByTestId("watermark-runs")).toHaveText(String(watermark + 2));
  expect(snapshots, "it resumed from its watermark").toEqual([]);
});

test("stale, then recovered, and it says so", async ({ page, database, cable, context }) => {
  await database.start("stale-1", "will be deleted");
  await database.start("stale-2", "stays");
  await open(page);
  await context.setOffline(true);
  cable.pull();
  await expect(page.getByTestId("connection")).toHaveAttribute("data-state", "disconnected");
  await database.query(
    "SELECT khala.sink_delete('runtime.run_summaries', 'runtime/run_summary:stale-1', 9, 'dev')",
  );
  await database.progress("stale-2", 2, "in the meantime");
  await database.purge();
  cable.plug();
  await context.setOffline(false);
  const incident = page.getByTestId("incident");
  await expect(incident).toHaveAttribute("data-recovered", "true");
  await expect(incident).toContainText("Runs went stale");
  await expect(incident).toContainText("1 documents, nothing missing");
  await expect(row(page, "stale-1")).toHaveCount(0);
  await expect(row(page, "stale-2")).toContainText("in the meantime");
  await database.progress("stale-2", 3, "live again");
  await expect(row(page, "stale-2")).toContainText("live again");
  await incident.getByRole("button", { name: "Dismiss" }).click();
  await expect(incident).toHaveCount(0);
});

test("both lanes render the same, and switch at run time", async ({ page, database }) => {
  // So long ago that what is drawn of it stays the same for a while.
  const occurred_at = new Date(Date.now() - 3 * 3_600_000 - 5_000).toISOString();
  const events: Event[] = ["lane-1", "lane-2", "lane-3"].map((id) => {
    const payload = { title: `title of ${id}`, command: ["make", id] };
    return { entity: "run", id, seq: 1, type: "run.started", payload, occurred_at };
  });
  const failed = { entity: "run", id: "lane-2", seq: 2, type: "run.failed", occurred_at } as const;
  await database.ingest([...events, { ...failed, payload: { reason: "no luck" } }]);
  const table = page.getByTestId("table");
  const drawn = async () => {
    await expect(table.locator(".row")).toHaveCount(3);
    await row(page, "lane-2").click();
    await expect(page.getByTestId("details")).toContainText("no luck");
    const html = await table.evaluate((element) => element.outerHTML);
    const facts = await page.locator(".facts").evaluate((element) => element.outerHTML);
    return { html, facts, payload: await page.locator(".payload pre").textContent() };
  };
  await open(page, "khala");
  await expect(page.getByTestId("connection")).toContainText("Connected");
  const khala = await drawn();
  await page.getByRole("group", { name: "Lane" }).getByText("Polling").click();
  await expect(page.getByTestId("connection")).toContainText("Polling every 2 s");
  await isLive(page);
  expect(await drawn()).toEqual(khala);
  await database.progress("lane-1", 2, "seen by polling");
  await expect(row(page, "lane-1")).toContainText("seen by polling");
  await page.reload();
  await expect(page.getByTestId("connection")).toContainText("Polling");
  await open(page, "khala");
  await expect(page.getByTestId("connection")).toContainText("Connected");
});

test("the flag decides for a browser that has not chosen", async ({ page, database }) => {
  await database.start("flag-1", "by the flag");
  // The build with the flag off, by a server of its own: the page's server has one build.
  const proxy = { "/api": ready().http };
  const server = await preview({
    logLevel: "warn",
    build: { outDir: "dist-legacy" },
    preview: { host: "127.0.0.1", port: 0, proxy },
  });
  try {
    const address = server.resolvedUrls?.local[0] ?? "";
    await page.goto(`${address}#/runs`);
    await isLive(page);
    await expect(page.getByTestId("connection")).toContainText("Polling");
    await expect(row(page, "flag-1")).toContainText("by the flag");
    await page.goto(`${address}?lane=khala#/runs`);
    await expect(page.getByTestId("connection")).toContainText("Connected");
    await page.goto(`${address}?lane=default#/runs`);
    await expect(page.getByTestId("connection")).toContainText("Polling");
  } finally {
    await server.close();
  }
});

test("two tabs of one browser", async ({ page, context, database }) => {
  await database.start("tabs-1", "seen by both");
  const other = await context.newPage();
  await open(page);
  await open(other);
  await database.progress("tabs-1", 2, "to both");
  for (const tab of [page, other]) {
    await expect(row(tab, "tabs-1")).toContainText("to both");
  }
  await other.close();
  await database.progress("tabs-1", 3, "to the one left");
  await expect(row(page, "tabs-1")).toContainText("to the one left");
  const snapshots: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/sync/snapshot?")) {
      snapshots.push(request.url());
    }
  });
  await page.reload();
  await expect(row(page, "tabs-1")).toContainText("to the one left");
  await isLive(page);
  expect(snapshots, "a reload goes on from the store").toEqual([]);
});
