/** Every view: accessible, with the keyboard alone, and at every width. */

import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { createPaywall, settle } from "./harness/control-plane";
import { expect, test } from "./harness/fixtures";
import { prepareOperations } from "./harness/operations";
import { Database, ready } from "./harness/server";

const VIEWS = [
  "overview",
  "topics",
  "topics/runtime.run_summaries",
  "topics/runtime.run_summaries?open=runtime%2Frun_summary%3Aone",
  "topics/runtime.run_summaries?open=runtime%2Frun_summary%3Aone&tab=history",
  "topics/runtime.run_summaries?all=true&tombstones=true",
  "runs",
  "runs?open=runtime%2Frun_summary%3Aone",
  "workers",
  "lightning/paywalls",
  "lightning/settlements",
  "lightning/security",
  "relays",
  "retention",
  "publishers",
  "parity",
  "flags",
] as const;
const AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

test.describe.configure({ mode: "serial" });

test.beforeAll(async () => {
  const database = await Database.open();
  await database.clear();
  await prepareOperations(database);
  await database.ingest([
    { entity: "codex_worker", id: "ada", seq: 1, type: "worker.started" },
    { entity: "run", id: "one", seq: 2, type: "run.progress", payload: { last_line: "[2/4]" } },
  ]);
  await createPaywall(database, "pw_views");
  await settle("pw_views", 9_001, 21_000);
  await database.close();
});

async function show(page: Page, view: string): Promise<void> {
  const name = view.replace(/[/?].*/, "");
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${view}`);
  await expect(page.locator(`.page[data-view=${name}]`)).toBeVisible();
  await expect(page.getByText("Reading…")).toHaveCount(0);
}

async function violations(page: Page): Promise<readonly string[]> {
  // Legacy mode: no second page for frames, which there are not.
  const found = await new AxeBuilder({ page }).setLegacyMode(true).withTags(AA).analyze();
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** What goes over its box and can be neither seen nor scrolled to, and what scrolls sideways. */
function cut(): readonly string[] {
  // Cells of the big table end in an ellipsis: details have the whole. Chips scroll on a phone, and
  // the lines of a document in their own box.
  const may =
    ".tree, .tree *, .cell, .cell *, .unseen, .unseen *, .skip, .chips, .offer-name, thead, thead *";
  const found: string[] = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    found.push(`the page: ${root.scrollWidth}`);
  }
  for (const element of document.querySelectorAll<HTMLElement>("body *")) {
    const { overflowX, overflowY, display } = getComputedStyle(element);
    if (element.matches(may) || display === "inline" || element.closest("svg") !== null) {
      continue;
    }
    const isWide = overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1;
    const isHigh =
      ["hidden", "clip"].includes(overflowY) && element.scrollHeight > element.clientHeight + 1;
    if (isWide || isHigh) {
      found.push(`${element.tagName}.${element.className}: ${element.textContent?.slice(0, 60)}`);
    }
  }
  for (const label of document.querySelectorAll("figure text")) {
    const [inner, outer] = [label, label.closest("figure")].map((each) =>
      each?.getBoundingClientRect(),
    );
    if (inner && outer && (inner.left < outer.left || inner.right > outer.right)) {
      found.push(`label ${label.textContent}`);
    }
  }
  return found;
}

test("WCAG AA, light and dark; from 320 to 3840 pixels nothing is cut", async ({ page }) => {
  test.setTimeout(120_000);
  const found: Record<string, readonly string[]> = {};
  const look = async (name: string, wrong: Promise<readonly string[]>) => {
    const each = await wrong;
    if (each.length > 0) {
      found[name] = each;
    }
  };
  await page.goto(ready().page);
  for (const view of VIEWS) {
    await show(page, view);
    for (const width of [1280, 960, 768, 3840, 320]) {
      const isPhone = width === 320;
      await page.setViewportSize({ width, height: isPhone ? 640 : 900 });
      await page.emulateMedia({ colorScheme: isPhone ? "dark" : "light" });
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      await look(`${view}, ${width} pixels`, page.evaluate(cut));
      if (isPhone || width === 1280) {
        await look(`${view}, ${width} pixels, axe`, violations(page));
      }
    }
  }
  expect(found).toEqual({});
});

test("with the keyboard alone: every view, and the sheet of keys", async ({ page }) => {
  await page.goto(`${ready().page}#/overview`);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: /skip/i })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  for (const [keys, view] of [
    ["gp", "publishers"],
    ["gf", "flags"],
    ["gr", "runs"],
  ] as const) {
    await page.keyboard.type(keys);
    await expect(page).toHaveURL(new RegExp(`#/${view}`));
  }
  await expect(page.getByRole("searchbox")).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("gp?");
  await expect(page.getByRole("searchbox")).toHaveValue("gp?");
  await page.getByRole("main").focus();
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keys" });
  await expect(sheet).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await sheet.getByRole("checkbox", { name: "Keys of one character" }).press("Space");
  await page.keyboard.press("Escape");
  await expect(sheet).toHaveCount(0);
  await page.keyboard.type("gp");
  await expect(page).toHaveURL(/#\/runs/);
});
