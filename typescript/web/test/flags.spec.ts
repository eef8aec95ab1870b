/** `khala flags` changes the lane of a page that is open. */

import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { expect, isLive, open, row, test } from "./harness/fixtures";
import { ready } from "./harness/server";

async function setFlag(...options: string[]): Promise<void> {
  const program = process.env["KHALA_BIN"] ?? resolve("../../.venv/bin/khala");
  const argv = ["flags", "set", "web", ...options, "--database", ready().database];
  await promisify(execFile)(program, argv);
}

/** Everything that a person would miss. */
function placeOf(page: Page) {
  return page.evaluate(() => ({
    isSamePage: "isSamePage" in window,
    search: document.querySelector<HTMLInputElement>("input[type=search]")?.value,
    pressed: [...document.querySelectorAll("[aria-pressed=true]")].map((each) => each.className),
    sort: document.querySelector("[aria-sort$=ending]")?.className,
    scroll: document.querySelector(".grid")?.scrollTop,
    active: document.querySelector(".row.active")?.getAttribute("data-key"),
    details: document.querySelector("[data-testid=details] h2")?.textContent,
    isExpanded: document.querySelector<HTMLDetailsElement>(".payload")?.open,
    detailsScroll: document.querySelector(".details")?.scrollTop,
    focused: document.activeElement?.className,
    address: location.href,
  }));
}

test("the lane follows the flag, under an open page that keeps its place", async ({
  page,
  database,
}) => {
  test.setTimeout(90_000);
  const titles = Array.from(
    { length: 80 },
    (_, number) => `kept-${String(number).padStart(2, "0")}`,
  );
  await database.ingest(
    titles.map((id) => ({
      entity: "run",
      id,
      seq: 1,
      type: "run.started",
      payload: { title: `title of ${id}` },
    })),
  );
  await setFlag("--lane", "legacy", "--person", "dev");
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url()));
  await open(page, "khala");
  const connection = page.getByTestId("connection");
  await expect(connection, "the flag wins over the choice").toContainText("Polling");
  expect(
    scripts.filter((url) => /khala-[^/]*\.js/.test(url)),
    "not loaded",
  ).toEqual([]);
  await expect(page.getByRole("radio", { name: "Khala" })).toBeDisabled();

  await page.getByRole("searchbox").fill("kept");
  await page.getByRole("button", { name: "running 80" }).click();
  await page.getByRole("columnheader", { name: "Run" }).getByRole("button").click();
  await page.getByTestId("table").evaluate((element) => {
    element.scrollTop = 1_200;
  });
  await row(page, "kept-34").click();
  await page.getByTestId("details").getByText("Payload").click();
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  const before = await placeOf(page);
  expect(before).toMatchObject({ scroll: 1_200, isExpanded: true, details: "title of kept-34" });

  // Somebody goes on writing to the run that is open.
  let seq = 1;
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      await database.progress("kept-34", ++seq, `line ${seq}`);
    }
  })();
  const events = page.getByTestId("timeline").getByRole("listitem");
  const lane = page.locator(".page");
  for (const next of ["khala", "legacy", "khala"]) {
    await setFlag("--lane", next);
    const at = Date.now();
    await expect(lane).toHaveAttribute("data-lane", next, { timeout: 20_000 });
    console.log(`  ${next} ${Date.now() - at} ms after khala flags set`);
    await isLive(page);
    expect(await placeOf(page)).toEqual(before);
    const known = await events.first().getAttribute("data-seq");
    await expect(events.first()).not.toHaveAttribute("data-seq", known ?? "");
  }
  isOver = true;
  await writing;
  await expect(events.first()).toContainText(`line ${seq}`);
  const arrived = await events.evaluateAll((all) =>
    all.map((each) => Number(each.getAttribute("data-seq"))),
  );
  const [newest = 0] = arrived;
  expect(arrived, "newest first, each once").toEqual(
    [...new Set(arrived)].sort((one, other) => other - one),
  );
  const [stored] = await database.query(
    "SELECT doc_version::int AS v FROM runtime.sync_documents WHERE doc_key LIKE '%:kept-34'",
  );
  expect(newest).toBe(stored?.["v"]);
  await expect(connection).toContainText("Connected");
});

test("a flagged browser starts with its lane, and loads no other", async ({ page, database }) => {
  await database.start("flagged-1", "by khala flags");
  await setFlag("--lane", "khala", "--person", "dev");
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url()));
  await open(page, "legacy");
  await expect(page.getByTestId("connection")).toContainText("Connected");
  await expect(row(page, "flagged-1")).toBeVisible();
  expect(scripts.filter((url) => /legacy-[^/]*\.js/.test(url))).toEqual([]);
  await setFlag("--nobody");
  await expect(page.getByTestId("connection")).toContainText("Polling", { timeout: 20_000 });
});

test("an unchanged flag is an empty response, and a hidden page reads none", async ({
  page,
  database: _,
}) => {
  await setFlag("--lane", "khala", "--person", "dev");
  const statuses: number[] = [];
  page.on("response", (response) => {
    if (response.url().endsWith("/api/sync/flags")) {
      statuses.push(response.status());
    }
  });
  await page.clock.install();
  await open(page);
  await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(statuses[0]).toBe(200);
  expect(new Set(statuses.slice(1))).toEqual(new Set([304]));
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, value: true });
  });
  await setFlag("--lane", "legacy");
  // Whatever was on its way is over after the first minute; in the second, nothing is sent.
  await page.clock.runFor(60_000);
  await isLive(page);
  const before = statuses.length;
  await page.clock.runFor(60_000);
  await isLive(page);
  expect(statuses.length).toBe(before);
  await expect(page.getByTestId("connection")).toContainText("Connected");
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, value: false });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await expect(page.getByTestId("connection")).toContainText("Polling");
});
