/** Pictures for people to look at: some in docs/screenshots, all in test-results. */

import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import type { Database } from "../harness/database";
import { expect, isLive, largeText, signIn, test } from "./fixtures";

const SHOWN = ["list-light", "list-light-large", "worker-dark"];

const shot = (page: Page, name: string) => {
  const directory = SHOWN.includes(name) ? "../../docs/screenshots" : "test-results";
  return page.screenshot({ path: resolve(directory, `mobile-${name}.png`) });
};

/** number: of the runs. The server keeps every history, so each test has its own. */
async function people(database: Database, number: number): Promise<void> {
  await database.start("codex-7", {
    title: "Fix the flaky parser test",
    workspace: "/home/ann/src/compiler",
    adapter: "codex",
    metadata: { model: "small" },
  });
  await database.append("codex-7", "worker.busy", { task: "Runs the tests of parser/tokens" });
  await database.append("codex-7", "worker.progress", { last_line: "412 passed, 1 failed" });
  await database.start("codex-8", {
    title: "Upgrade the dependencies",
    workspace: "/home/ann/src/shop-frontend/packages/checkout",
    adapter: "codex",
  });
  await database.append("codex-8", "worker.waiting", { task: "Waits for a review" });
  await database.start("codex-5", {
    title: "Write the release notes",
    workspace: "/home/bob/docs",
  });
  await database.append("codex-5", "worker.finished", { exit_code: 0 });
  await database.start("codex-3", {
    title: "Migrate the billing tables",
    workspace: "/srv/billing",
  });
  await database.append("codex-3", "worker.failed", { reason: "out of memory" });
  const [nightly, load, documents] = [`nightly-${number}`, `import-${number}`, `docs-${number}`];
  await database.run(nightly, 1, "started", { title: "Nightly evaluation" });
  await database.run(nightly, 2, "progress", { last_line: "1,204 of 2,000 questions" });
  await database.run(load, 1, "started", { command: ["make", "import"] });
  await database.run(load, 2, "progress", { last_line: "ERROR: orders.csv: line 8,112" });
  await database.run(load, 3, "finished", { exit_code: 2 });
  await database.run(documents, 1, "started", { title: "Build the documents" });
  await database.run(documents, 2, "finished", { exit_code: 0 });
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const size of ["usual", "large"] as const) {
    test(`${colorScheme}, ${size} text`, async ({ page, database, cables, site }) => {
      await page.emulateMedia({ colorScheme });
      if (size === "large") {
        await largeText(page);
      }
      const name = `${colorScheme}${size === "large" ? "-large" : ""}`;
      const number = 10 * colorScheme.length + (size === "large" ? 1 : 0);
      await people(database, number);
      await page.goto(site);
      await shot(page, `sign-in-${name}`);
      await signIn(page, site, cables);
      await isLive(page);
      await expect(page.getByTestId("worker-codex-7")).toContainText("lag 0");
      await shot(page, `list-${name}`);
      await page.getByRole("tab", { name: "Runs" }).click();
      await expect(page.getByTestId(`run-nightly-${number}`)).toBeVisible();
      await shot(page, `runs-${name}`);
      await page.getByRole("tab", { name: "Workers" }).click();
      await page.getByTestId("worker-codex-7").click();
      await expect(page.getByTestId("event-4")).toBeVisible();
      await shot(page, `worker-${name}`);
      await page.getByRole("button", { name: "Stop worker…" }).click();
      await page.getByTestId("event-1").scrollIntoViewIfNeeded();
      await shot(page, `events-${name}`);
      await page.getByTestId("connection").last().click();
      await shot(page, `account-${name}`);
      await page.goBack();
      await page.goBack();
      cables.ws.pull();
      cables.http.pull();
      await expect(page.getByTestId("banner").first()).toBeVisible({ timeout: 30_000 });
      await shot(page, `offline-${name}`);
    });
  }
}
