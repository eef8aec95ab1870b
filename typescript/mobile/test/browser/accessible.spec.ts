/** Every view by axe: WCAG AA, light and dark, with the usual text and with large text. */

import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, isLive, largeText, signIn, test } from "./fixtures";

const AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** isDark: only colours differ from the light page. */
async function violations(page: Page, isDark: boolean): Promise<readonly string[]> {
  // Legacy mode: no second page for frames, which there are not.
  const axe = new AxeBuilder({ page }).setLegacyMode(true);
  const found = await (isDark ? axe.withRules(["color-contrast"]) : axe.withTags(AA)).analyze();
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** What scrolls sideways, which no view should do. */
function sideways(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("*")]
      .filter((each) => {
        const { overflowX } = getComputedStyle(each);
        const scrolls = overflowX === "auto" || overflowX === "scroll";
        return (
          (scrolls || each === document.documentElement) && each.scrollWidth > each.clientWidth
        );
      })
      .map((each) => `${each.tagName} ${each.dataset["testid"]}: ${each.scrollWidth}`),
  );
}

for (const size of ["usual", "large"] as const) {
  test(`no view has a violation, with ${size} text`, async ({ page, database, cables, site }) => {
    test.setTimeout(240_000);
    // The server keeps every history.
    const [busy, failed] = [`${size}-busy`, `${size}-failed`];
    const [run, ended] = [`${size}-run`, `${size}-ended`];
    await database.start(busy, { title: "Fixes tests", workspace: "/src/app" });
    await database.append(busy, "worker.busy", { task: "issue 14" });
    await database.start(failed, { title: "Out of luck" });
    await database.append(failed, "worker.failed", { reason: "out of memory" });
    await database.run(run, 1, "started", { title: "Builds it" });
    await database.run(run, 2, "progress", { last_line: "[2/4]" });
    await database.run(ended, 1, "started", { command: ["make", "test"] });
    await database.run(ended, 2, "finished", { exit_code: 2 });
    if (size === "large") {
      await largeText(page);
    }
    const look = async (view: string) => {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const found = await violations(page, colorScheme === "dark");
        expect.soft(found, `${view}, ${colorScheme}`).toEqual([]);
      }
      expect.soft(await sideways(page), view).toEqual([]);
    };
    await page.goto(site);
    await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
    await look("sign-in");
    await signIn(page, site, cables);
    await isLive(page);
    await expect(page.getByTestId(`worker-${busy}`)).toContainText("lag 0");
    await look("workers");
    await page.getByTestId("filter-stopped").click();
    await expect(page.getByText("No worker is stopped")).toBeVisible();
    await look("no worker");
    await page.getByTestId("filter-all").click();
    await page.getByRole("tab", { name: "Runs" }).click();
    await expect(page.getByTestId(`run-${ended}`)).toContainText("exit code 2");
    await look("runs");
    await page.getByRole("tab", { name: "Workers" }).click();
    await page.getByTestId(`worker-${busy}`).click();
    await expect(page.getByTestId("event-3")).toBeVisible();
    await page.getByRole("button", { name: "Stop worker…" }).click();
    await page.getByRole("button", { name: "Show the document" }).click();
    await page.getByTestId("event-3").click();
    await look("worker");
    await page.getByTestId("connection").last().click();
    await expect(page.getByText("live, by Khala")).toBeVisible();
    await look("account");
    await page.goBack();
    await page.goBack();
    cables.ws.pull();
    cables.http.pull();
    await expect(page.getByTestId("banner").first()).toBeVisible({ timeout: 30_000 });
    await look("offline");
  });
}
