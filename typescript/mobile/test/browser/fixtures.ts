/** The exported application in a browser, on a server of its own as a host would serve it. */

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { extname, join, resolve } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { Cable } from "../../../web/test/harness/cable";
import { Database } from "../harness/database";
import { ready } from "../harness/khala-dev";

export { expect };

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
};

interface Fixtures {
  readonly database: Database;
  /** Between the application and the relay: its socket, and its HTTP. */
  readonly cables: { readonly ws: Cable; readonly http: Cable };
  readonly site: string;
}

/** Every test begins with no workers, and fails on any error the application did not expect. */
export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixture's needs from it
  database: async ({}, use) => {
    const database = await Database.open();
    await database.clear();
    await use(database);
    await database.close();
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixture's needs from it
  cables: async ({}, use) => {
    const cables = { ws: await Cable.open(ready().ws), http: await Cable.open(ready().http) };
    await use(cables);
    cables.ws.close();
    cables.http.close();
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixture's needs from it
  site: async ({}, use) => {
    const server = await serve(resolve("dist"));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await use(`http://127.0.0.1:${port}/`);
    server.closeAllConnections();
    server.close();
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

function serve(directory: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const file = join(directory, path === "/" ? "index.html" : path);
    readFile(file).then(
      (content) => {
        response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
        response.end(content);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

/** Signs in by the form. */
export async function signIn(
  page: Page,
  site: string,
  { ws, http }: Fixtures["cables"],
): Promise<void> {
  await page.goto(site);
  await page.getByLabel("Address", { exact: true }).fill(ws.through(ready().ws));
  await page.getByLabel("HTTP address").fill(http.through(ready().http));
  await page.getByLabel("API key").fill(ready().key);
  await page.getByRole("button", { name: "Sign in" }).click();
}

export async function isLive(page: Page): Promise<void> {
  await expect(page.getByTestId("connection").first()).toHaveAccessibleName("Connection: Live");
}

/** The user wants text at twice its usual size. */
export async function largeText(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Page.setFontSizes", { fontSizes: { standard: 32 } });
}
