import { test as base, expect, type Locator, type Page } from "@playwright/test";
import { Cable } from "./cable";
import { Database, ready } from "./server";

export { expect };

interface Fixtures {
  readonly database: Database;
  readonly cable: Cable;
}

/** The request that tells the page where the socket is. */
export const SESSION = "**/api/page/session";

/** Every test begins with no documents, and fails on any error the page did not expect. */
export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixture's needs from it
  database: async ({}, use) => {
    const database = await Database.open();
    await database.clear();
    await use(database);
    await database.close();
  },
  /** The page's socket goes through it. */
  cable: async ({ context }, use) => {
    const cable = await Cable.open(ready().ws);
    await context.route(SESSION, async (route) => {
      // Not by `route.fetch`: its response is gone if the page asks again meanwhile.
      const response = await fetch(route.request().url());
      const session = await response.json();
      await route.fulfill({ json: { ...session, ws: cable.through(session.ws) } });
    });
    await use(cable);
    await context.unrouteAll({ behavior: "ignoreErrors" });
    cable.close();
  },
  page: async ({ page }, use) => {
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      // What the network refuses, Chromium writes there as well.
      if (message.type() === "error" && !/net::ERR|WebSocket|status of/.test(message.text())) {
        faults.push(message.text());
      }
    });
    await use(page);
    expect(faults).toEqual([]);
  },
});

export async function open(page: Page, lane?: "khala" | "legacy"): Promise<void> {
  await page.goto(`${ready().page}${lane === undefined ? "" : `?lane=${lane}`}#/runs`);
  await isLive(page);
}

export async function isLive(page: Page): Promise<void> {
  for (const topic of ["runs", "workers"]) {
    await expect(page.getByTestId(`topic-${topic}`)).toHaveAttribute("data-phase", "live");
  }
}

export function row(page: Page, id: string): Locator {
  return page.getByRole("row").filter({ has: page.locator(".id", { hasText: id }) });
}
