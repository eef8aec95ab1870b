/** Topics: documents of any topic, as they change and page by page; each as JSON, with its history. */

import type { Page } from "@playwright/test";
import { expect, test } from "./harness/fixtures";
import { type Database, ready } from "./harness/server";

const TOPIC = "runtime.notifications";

function entry(page: Page, key: string) {
  return page.getByTestId("table").locator(`.row[data-key="${key}"]`);
}

async function openTopic(page: Page, query = "", topic = TOPIC): Promise<void> {
  await page.goto(`${ready().page}#/topics/${topic}${query}`);
}

async function isLive(page: Page): Promise<void> {
  await expect(page.locator("[data-testid^=topic-runtime]")).toHaveAttribute("data-phase", "live");
}

function sink(database: Database, key: string, version: number, payload: object, org = "dev") {
  const sql = "SELECT FROM khala.sink($1, $2, $3, $4, $5)";
  return database.query(sql, TOPIC, key, version, JSON.stringify(payload), org);
}

function remove(database: Database, key: string, version: number, org = "dev") {
  return database.query("SELECT FROM khala.sink_delete($1, $2, $3, $4)", TOPIC, key, version, org);
}

test("every topic, and the documents of one as they change", async ({ page, database }) => {
  await page.goto(`${ready().page}#/topics`);
  await expect(entry(page, TOPIC)).toContainText("owned");
  await entry(page, TOPIC).getByRole("link").click();
  await isLive(page);
  await expect(page).toHaveTitle(/runtime\.notifications/);
  await expect(page.locator(".nothing")).toContainText("SELECT khala.sink('runtime.notifications'");
  await sink(database, "note/1", 1, { status: "open", title: "Disk almost full", free: 12.5 });
  await sink(database, "note/2", 1, { status: "closed", title: "Backup done", free: 70 });
  await sink(database, "note/9", 1, { title: "of somebody else" }, "other");
  await expect(entry(page, "note/1")).toContainText("Disk almost full");
  await expect(entry(page, "note/1").locator("time")).toHaveText("just now");
  await expect(page.getByTestId("total")).toHaveText("2");
  await expect(page.getByRole("columnheader", { name: "title" })).toBeVisible();
  await sink(database, "note/1", 2, { status: "open", title: "Disk full", free: 0 });
  await expect(entry(page, "note/1")).toContainText("Disk full");
  await page.reload();
  await isLive(page);
  await expect(entry(page, "note/1").locator("time"), "read of the database").toBeVisible();
  await remove(database, "note/2", 2);
  await expect(entry(page, "note/2")).toHaveCount(0);

  await page.getByText("All organisations").click();
  await expect(entry(page, "note/9")).toContainText("other");
  await expect(entry(page, "note/2")).toHaveCount(0);
  await page.getByLabel("Tombstones").check();
  await expect(entry(page, "note/2")).toContainText("deleted");
  await page.goBack();
  await expect(entry(page, "note/9")).toHaveCount(0);
  await page.getByRole("button", { name: /^Organisation dev/ }).click();
  await page.getByRole("combobox").fill("oth");
  await expect(page.getByRole("option", { name: /^other/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(entry(page, "note/9")).toContainText("somebody else");
  await expect(page).toHaveURL(/org=other/);
  await remove(database, "note/9", 2, "other");
  await remove(database, "note/1", 3);
});

test("search by words, fields and columns; the address brings it back", async ({
  page,
  database,
}) => {
  for (const [key, level, code] of [
    ["find/1", "info", 3],
    ["find/2", "warn", 30],
    ["find/3", "warn", 300],
  ] as const) {
    await sink(database, key, 1, { level, code, text: `number ${code}`, inner: { depth: code } });
  }
  await openTopic(page);
  const rows = page.getByTestId("table").locator(".row");
  const search = page.getByRole("searchbox", { name: "Search" });
  await expect(rows).toHaveCount(3);
  for (const [words, count] of [
    ["level:warn code>30", 1],
    ["inner.depth>=30", 2],
    ['text="number 3"', 1],
    ["NUMBER", 3],
    ["find/2", 1],
    ["level!=warn", 1],
    ["nothing:here", 0],
  ] as const) {
    await search.fill(words);
    await expect(rows, words).toHaveCount(count);
  }
  await search.fill("level:warn");
  await page.getByText("Columns").click();
  await page.getByRole("checkbox", { name: /^inner\.depth/ }).check();
  await page.keyboard.press("Escape");
  await page.getByRole("columnheader", { name: "code" }).getByRole("button").click();
  await expect(rows.first()).toContainText("find/2".slice(5));
  await page.reload();
  await expect(rows).toHaveCount(2);
  await expect(search).toHaveValue("level:warn");
  await expect(page.getByRole("columnheader", { name: "inner.depth" })).toBeVisible();
  await expect(page.getByRole("columnheader", { name: "code" })).toHaveAttribute(
    "aria-sort",
    "ascending",
  );
  for (const number of [1, 2, 3]) {
    await remove(database, `find/${number}`, 2);
  }
});

test("the history of a document: any two versions, owners, a tombstone, what was purged", async ({
  page,
  database,
}) => {
  await sink(database, "story", 1, { title: "first", steps: ["a", "b"], lost: true });
  await sink(database, "story", 2, { title: "second", steps: ["new", "a", "b"], won: { by: 1 } });
  await remove(database, "story", 3);
  await sink(database, "story", 4, { title: "second half", steps: ["a"] });
  await openTopic(page, "?open=story");
  const details = page.getByTestId("details");
  await expect(details.getByTestId("tree")).toContainText('"second half"');
  await details.getByRole("tab", { name: /History/ }).click();
  const versions = details.getByTestId("versions");
  const version = (number: number) => versions.locator(`[data-version="${number}"]`);
  await expect(version(3)).toContainText("deleted");
  await expect(version(2)).toContainText("dev");
  await expect(version(1)).toContainText("created");
  await expect(versions).toContainText("This is all of its history.");
  await version(2).getByRole("link").click();
  const change = (path: string) => details.locator(`[data-path="${path}"]`);
  await expect(change("title")).toHaveAttribute("data-kind", "changed");
  await expect(change("title")).toContainText("first");
  await expect(change("lost")).toHaveAttribute("data-kind", "removed");
  await expect(change("won")).toHaveAttribute("data-kind", "added");
  await expect(change("steps[0]")).toHaveAttribute("data-kind", "added");
  await expect(details.getByTestId("difference").getByRole("listitem")).toHaveCount(4);
  await details.getByLabel("compared with").selectOption({ index: 0 });
  await expect(change("title")).toContainText("second half");
  await expect(page).toHaveURL(/version=\d+/);
  const address = page.url();
  await page.reload();
  await expect(change("title"), "a reload comes back to the difference").toContainText("half");

  await database.query("SELECT khala.retain($1, p_horizon => '0', p_batch => 1000000)", TOPIC);
  await page.goto("about:blank");
  await page.goto(address);
  await expect(details.getByText("There is no version at watermark")).toBeVisible();
  await expect(details.getByTestId("purged")).toContainText("Anything before version 4");
  await details.getByRole("tab", { name: "Payload" }).click();
  await expect(details.getByTestId("tree")).toContainText("second half");
  await page.goBack();
  await remove(database, "story", 5);
});

test("a payload of 256 KiB: found, folded, copied, with the keyboard", async ({
  page,
  context,
  database,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const items = Array.from({ length: 2_600 }, (_, number) => ({
    id: number,
    name: `item number ${number}`,
    tags: ["one", "two"],
    isLast: number === 2_599,
  }));
  const payload = { items, note: "x".repeat(3_000) };
  expect(JSON.stringify(payload).length).toBeLessThan(262_144);
  expect(JSON.stringify(payload).length).toBeGreaterThan(180_000);
  await sink(database, "large", 1, payload);
  await openTopic(page, "?open=large");
  const tree = page.getByTestId("tree");
  await expect(tree).toContainText("items:");
  expect(await tree.getByRole("treeitem").count()).toBeLessThan(10);
  const took = await page.evaluate(async () => {
    const began = performance.now();
    document.querySelector<HTMLElement>("[data-path=items]")?.click();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - began;
  });
  console.log(`  2,600 members unfold in ${took.toFixed(0)} ms`);
  await expect(tree.locator("[data-path='items[0]']")).toBeVisible();
  expect(await tree.getByRole("treeitem").count()).toBeLessThan(60);
  await page.getByRole("searchbox", { name: "Find in Payload" }).fill("number 2599");
  await page.keyboard.press("Enter");
  const found = tree.locator("[data-path='items[2599].name']");
  await expect(found).toHaveAttribute("aria-selected", "true");
  await expect(page.getByText("1 of 1")).toBeVisible();
  await page.getByRole("button", { name: "Copy the path items[2599].name" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("items[2599].name");
  await page.getByRole("button", { name: /Copy the value of/ }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("item number 2599");
  await tree.focus();
  await page.keyboard.press("ArrowLeft");
  await expect(tree.locator("[data-path='items[2599]']")).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("ArrowLeft");
  await expect(found).toHaveCount(0);
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  const pieces = tree.locator("[data-path=note]");
  await expect.poll(() => pieces.count(), "a long string unfolds").toBeGreaterThan(10);
  await remove(database, "large", 2);
});

test("while the server is away, what was read stays, and the page says so", async ({
  page,
  context,
  database: _,
}) => {
  await page.goto(`${ready().page}#/topics`);
  await expect(entry(page, TOPIC)).toBeVisible();
  await context.route("**/api/admin/topics", (route) => route.abort());
  const readNow = () => page.evaluate(() => dispatchEvent(new Event("online")));
  await readNow();
  const unread = page.getByTestId("unread");
  await expect(unread).toContainText("the server does not respond", { timeout: 20_000 });
  await expect(entry(page, TOPIC)).toBeVisible();
  await context.unroute("**/api/admin/topics");
  await readNow();
  await expect(unread).toHaveCount(0, { timeout: 30_000 });
  await context.unrouteAll({ behavior: "ignoreErrors" });
});
