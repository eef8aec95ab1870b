/** Overview, relays, retention, publishers, parity and flags: what was done is what they show. */

import type { Page } from "@playwright/test";
import { expect, test } from "./harness/fixtures";
import { khala, pageLink, prepareOperations, REFUSED } from "./harness/operations";
import { Database, ready } from "./harness/server";

const RUNS = "runtime.run_summaries";

test.describe.configure({ mode: "serial" });
test.use({ permissions: ["clipboard-read", "clipboard-write"] });

async function show(page: Page, view: string): Promise<void> {
  await page.goto(`${ready().page}#/${view}`);
}

const copied = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

test("where there is nothing, a view says the command to run", async ({ page, database }) => {
  await database.query("DELETE FROM runtime.flags");
  for (const [view, command] of [
    ["publishers", "khala publish orders --to webhook"],
    ["parity", "khala parity --url"],
    ["flags", "khala flags set web --lane khala"],
  ] as const) {
    await show(page, view);
    await page.getByRole("main").getByRole("button", { name: /^Copy/ }).click();
    await expect.poll(() => copied(page)).toContain(command);
  }
});

test("a session for one organisation does not see the whole installation", async ({ page }) => {
  await page.goto(await pageLink("acme"));
  const main = page.getByRole("main");
  await expect(main.getByText("belongs to the whole installation")).toBeVisible();
  await expect(page.getByTestId("tile-Documents")).toContainText("of journal");
  await expect(page.getByTestId("tile-Parity")).toHaveCount(0);
  await page.getByRole("link", { name: "Flags" }).click();
  await expect(main.getByText("belongs to the whole installation")).toBeVisible();
});

test.describe("with work of every kind", () => {
  test.beforeAll(async () => {
    const database = await Database.open();
    await database.clear();
    await prepareOperations(database);
    await database.purge();
    await database.ingest([{ entity: "run", id: "after", seq: 1, type: "run.started" }]);
    await database.close();
  });

  test("publishers: state, what is set aside and why, and the command to retry", async ({
    page,
  }) => {
    await show(page, "publishers");
    const card = page.locator("[data-publisher=orders]");
    await expect(card.getByRole("heading", { level: 2 })).toContainText("orders stopped");
    const aside = card.getByRole("table", { name: "Updates of orders that were set aside" });
    await expect(aside.getByRole("row", { name: REFUSED })).toContainText("422");
    await card.getByRole("button", { name: "Copy: khala publishers retry orders" }).click();
    await expect.poll(() => copied(page)).toBe("khala publishers retry orders");
    await khala("publishers", "pause", "orders");
    await expect(card.getByRole("heading", { level: 2 })).toContainText("orders paused");
    await expect(card).toContainText("khala publishers resume orders");
  });

  test("parity: reasons, and gates with their numbers", async ({ page }) => {
    await show(page, "parity");
    await expect(page.getByText("not met: nobody else should move")).toBeVisible();
    const gates = page.getByRole("table", { name: "Gates of a cutover" });
    await expect(gates.getByRole("row", { name: /missing on a side/ })).toContainText(
      /not met.*1.*0 documents/,
    );
    // Of the four here, and of what other tests wrote before.
    await expect(gates.getByRole("row", { name: /Documents compared/ })).toContainText(
      /compared\s*met\s*\d+/,
    );
    // Each has a name that people read.
    await expect(gates.getByRole("rowheader").filter({ hasText: "_" })).toHaveCount(0);
    const topics = page.getByRole("table", { name: "Documents compared, by topic" });
    await expect(topics.getByRole("row", { name: RUNS })).toContainText(
      /\d+ the same, 1 missing in the legacy backend/,
    );
    const cycles = page.getByRole("table", { name: "Last cycles" });
    await expect(cycles.getByRole("row").nth(1)).toContainText("1 mismatch");
  });

  test("flags: for whom, and a change within seconds", async ({ page }) => {
    await show(page, "flags");
    const card = page.locator("[data-surface=mobile]");
    await expect(card).toContainText("25 % of all subjects and the 1 person named read Khala");
    await expect(card.getByRole("listitem")).toHaveText("ann");
    await expect(card).toContainText("khala flags set mobile --percent 50");
    await khala("flags", "set", "mobile", "--lane=legacy");
    await expect(card).toContainText("Everybody reads the legacy backend.");
    await expect(card).toContainText("khala flags set mobile --lane khala");
  });

  test("retention: floor, purges, and what a client below the floor gets", async ({ page }) => {
    await show(page, "retention");
    const row = page.locator(`tr[data-key="${RUNS}"]`);
    const database = await Database.open();
    const [stats] = await database.query(
      "SELECT retention_floor, purges FROM khala.retention_stats WHERE topic = $1",
      RUNS,
    );
    await database.close();
    const floor = Number(stats?.["retention_floor"]);
    await expect(row.locator("[data-label=Floor]")).toHaveText(floor.toLocaleString("en-US"));
    await expect(row.locator("[data-label=Purges]")).toHaveText(String(stats?.["purges"]));
    await row.locator("summary").click();
    await expect(row).toContainText(
      `A client that has ${(floor - 1).toLocaleString("en-US")} or more continues`,
    );
    await expect(row).toContainText(`khala topics set ${RUNS} --horizon`);
  });

  test("relays and overview: who is connected, and the last hour", async ({ page, context }) => {
    test.setTimeout(60_000);
    const other = await context.newPage();
    await show(other, "runs");
    await expect(other.getByTestId("topic-runs")).toHaveAttribute("data-phase", "live");
    await show(page, "relays");
    // A relay reports every ten seconds.
    const relay = page.getByRole("row").filter({ hasText: "live" });
    await expect(relay).toContainText(/in \d topics?/, { timeout: 30_000 });
    await relay.locator("summary").click();
    await expect(relay).toContainText(RUNS);
    await other.close();

    await show(page, "overview");
    await expect(page.getByTestId("tile-Set aside")).toContainText("1");
    const database = await Database.open();
    const [gates] = await database.query(
      "SELECT count(*) FILTER (WHERE is_met) AS met, count(*) AS all FROM khala.parity_gates()",
    );
    await database.close();
    await expect(page.getByTestId("tile-Parity")).toContainText(
      `${gates?.["met"]} of ${gates?.["all"]}`,
    );
    await expect(page.getByTestId("tile-Relays live")).toContainText("1");
    await page.getByLabel("Topic").selectOption(RUNS);
    await expect(page).toHaveURL(new RegExp(`#/overview/${RUNS}$`));
    await page.reload();
    await expect(page.getByLabel("Topic")).toHaveValue(RUNS);
    await page.getByLabel("Topic").selectOption("all topics");

    const chart = page.getByTestId("chart-Writes");
    await expect(chart.locator("path.line").first()).toHaveAttribute("d", /^M/);
    const plot = chart.getByRole("slider");
    await plot.focus();
    await page.keyboard.press("End");
    const last = await plot.getAttribute("aria-valuetext");
    await page.keyboard.press("ArrowLeft");
    await expect(plot).not.toHaveAttribute("aria-valuetext", last ?? "");
    await expect(chart.getByTestId("readout").locator("time")).toBeVisible();
    // The same time is read out everywhere.
    const lag = page.getByTestId("chart-Delivery lag").getByTestId("readout");
    await expect(lag.locator("time")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(lag.locator("time")).toHaveCount(0);
    await page.getByText("The same as a table").click();
    const table = page.getByRole("table", { name: "The last hour, newest first" });
    await expect(table.getByRole("row").nth(1)).toContainText("/s");
  });
});
