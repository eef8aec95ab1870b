/** A browser whose IndexedDB does not answer, or dies without an event: the page goes on. */

import type { ConsoleMessage, Page } from "@playwright/test";
import { expect, row, test } from "./harness/fixtures";
import { ready } from "./harness/server";

/** The warnings that the page's client reports. */
function warned(page: Page): string[] {
  const found: string[] = [];
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "warning") {
      found.push(message.text());
    }
  });
  return found;
}

async function isLiveSoon(page: Page): Promise<void> {
  for (const topic of ["runs", "workers"]) {
    const phase = page.getByTestId(`topic-${topic}`);
    await expect(phase).toHaveAttribute("data-phase", "live", { timeout: 40_000 });
  }
}

test("an IndexedDB that never opens", async ({ page, database }) => {
  test.setTimeout(90_000);
  const warnings = warned(page);
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => new EventTarget() as IDBOpenDBRequest;
  });
  await page.goto(`${ready().page}#/runs`);
  await isLiveSoon(page);
  await database.start("memory-1", "shown from memory");
  await expect(row(page, "memory-1")).toBeVisible();
  expect(warnings.join("\n")).toContain("no response in 10 s");
});

test("an IndexedDB whose connection dies without a word is opened again", async ({
  page,
  database,
}) => {
  test.setTimeout(90_000);
  const warnings = warned(page);
  await page.addInitScript(() => {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...request) {
      if (sessionStorage.getItem("dies") !== null) {
        sessionStorage.removeItem("dies");
        // What a handle answers whose backing process is gone.
        this.close();
      }
      return transaction.apply(this, request);
    };
  });
  await page.goto(`${ready().page}#/runs`);
  await isLiveSoon(page);
  await page.evaluate(() => sessionStorage.setItem("dies", ""));
  await database.start("dies-1", "not saved at once");
  await expect(row(page, "dies-1")).toBeVisible();
  await expect.poll(() => warnings.join("\n")).toContain("cannot be saved");
  await database.start("dies-2", "saved with the one before");
  await expect(row(page, "dies-2")).toBeVisible();
  const saved = () =>
    page.evaluate(async () => {
      const all = await indexedDB.databases();
      const name = all.find((one) => one.name?.startsWith("khala-admin-"))?.name ?? "";
      const found = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
      });
      const documents = await new Promise<{ docKey: string }[]>((resolve) => {
        const request = found.transaction("versions").objectStore("versions").getAll();
        request.onsuccess = () => resolve(request.result);
      });
      found.close();
      return documents.map(({ docKey }) => docKey).filter((key) => key.includes("dies"));
    });
  await expect.poll(saved, { timeout: 40_000 }).toHaveLength(2);
});
