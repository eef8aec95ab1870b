/** Runs and workers: what a person sees of one that is at work, and of one that has ended. */

import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, isLive, open, row, test } from "./harness/fixtures";
import { ready } from "./harness/server";

const khala = process.env["KHALA_BIN"] ?? resolve("../../.venv/bin/khala");
const execute = promisify(execFile);

test.setTimeout(90_000);

test("a recorded run: title first, how it ended, its last lines, its timeline, its command", async ({
  page,
  database: _,
  context,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page);
  const script = "for n in $(seq 30); do echo line $n; done; exit 3";
  const words = ["run", "--id", "recorded", "--title", "A build", "--", "sh", "-c", script];
  const env = { ...process.env, KHALA_DATABASE_URL: ready().database, KHALA_ORG: "dev" };
  await execute(khala, words, { env }).catch(({ code }) => expect(code).toBe(3));

  const shown = row(page, "recorded");
  await expect(shown.locator(".first")).toHaveText("A build");
  await expect(shown.locator(".pill")).toHaveText("failed");
  await expect(shown.getByRole("progressbar")).toHaveCount(0);
  await expect(shown.locator("span.duration")).toHaveText(/^[\d.,]+ (ms|s)$/);
  await shown.click();
  const details = page.getByTestId("details");
  await expect(details.getByRole("heading", { name: "A build" })).toBeVisible();
  await expect(details).toContainText("exit code 3");
  const lines = Array.from({ length: 20 }, (_, number) => `line ${number + 11}`);
  await expect(details.getByTestId("output")).toHaveText(lines.join("\n"));
  const events = details.getByTestId("timeline").getByRole("listitem");
  await expect(events.first()).toHaveAttribute("data-type", "run.finished");
  await expect(events.last()).toHaveAttribute("data-type", "run.started");
  await expect(events.last().locator("time")).toHaveAttribute("title", /\d/);
  await details.getByRole("button", { name: "Copy the command" }).click();
  await expect(details.getByText("Copied")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`sh -c '${script}'`);

  await page.reload();
  await isLive(page);
  await expect(details.getByTestId("output"), "a link leads here").toContainText("line 30");
});

test("a run at work: its duration counts on, its bar has the share that is done", async ({
  page,
  database,
}) => {
  const started = new Date(Date.now() - 3_600_000).toISOString();
  const run = { entity: "run", id: "at-work" } as const;
  const of = (seq: number, type: string, payload: object) => ({ ...run, seq, type, payload });
  await database.ingest([
    { ...of(1, "run.started", { title: "Long" }), occurred_at: started },
    of(2, "run.progress", { lines: 1 }),
  ]);
  await open(page);
  const shown = row(page, "at-work");
  const bar = shown.getByRole("progressbar");
  await expect(bar).not.toHaveAttribute("aria-valuenow", /.*/);
  await expect(shown.locator("span.duration")).toHaveText(/^1 h/);
  await expect(shown.locator(".started time")).toHaveText("1 h ago");
  await database.ingest([of(3, "run.progress", { percent: 40, last_line: "[4/10]" })]);
  await expect(bar).toHaveAttribute("aria-valuenow", "40");
  await expect(shown).toContainText("[4/10]");

  await database.start("new", "Just begun");
  const duration = row(page, "new").locator("span.duration");
  const first = await duration.textContent();
  await expect(duration).not.toHaveText(first ?? "");
  await row(page, "new").click();
  const details = page.getByTestId("details");
  await expect(details.getByRole("progressbar")).toBeVisible();
  // Only what has come since is read, also where there is more than one page of it.
  await database.ingest(
    Array.from({ length: 250 }, (_, number) => ({
      ...{ entity: "run", id: "new", seq: number + 2, type: "run.progress" },
      payload: { last_line: `step ${number}` },
    })),
  );
  const events = details.getByTestId("timeline").getByRole("listitem");
  await expect(events.first()).toContainText("step 249");
  const earlier = details.getByRole("button", { name: "Earlier events" });
  while (await earlier.isVisible()) {
    const count = await events.count();
    await earlier.click();
    await expect.poll(() => events.count()).toBeGreaterThan(count);
  }
  expect(
    await events.evaluateAll((all) => all.map(({ dataset }) => Number(dataset["seq"]))),
  ).toEqual(Array.from({ length: 251 }, (_, number) => 251 - number));
  await expect(details.getByTestId("output")).toHaveText("step 249");
});

test("a worker: its heartbeat, workspace and events; no history where none was written", async ({
  page,
  database,
}) => {
  const worker = { entity: "codex_worker", id: "w-1" } as const;
  await database.ingest([
    {
      ...{ ...worker, seq: 1, type: "worker.started" },
      payload: { title: "Fixes tests", workspace: "/src/app", adapter: "codex" },
    },
    { ...worker, seq: 2, type: "worker.heartbeat" },
  ]);
  await database.sink([
    {
      ...{ doc_key: "runtime/run_summary:bare", doc_version: 1, org_id: "dev" },
      payload: { kind: "run_summary", run_id: "bare", status: "succeeded" },
    },
  ]);
  await open(page);
  await row(page, "bare").click();
  await expect(page.getByTestId("details")).toContainText("No events");
  await page.keyboard.press("Escape");
  await page.goto(`${ready().page}#/workers`);
  const shown = row(page, "w-1");
  await expect(shown.locator(".first")).toHaveText("Fixes tests");
  await expect(shown.locator("span.heartbeat")).toHaveText("fresh");
  await shown.click();
  const details = page.getByTestId("details");
  await expect(details).toContainText("/src/app");
  const events = details.getByTestId("timeline").getByRole("listitem");
  await expect(events).toHaveCount(2);
  await expect(events.first()).toHaveAttribute("data-type", "worker.heartbeat");
});
