/** The web export at the size of a phone. */

import { readdir, readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { setFlag } from "../harness/khala-dev";
import { expect, isLive, signIn, test } from "./fixtures";

test("signs in, shows the workers live, and loads no code of the legacy lane", async ({
  page,
  database,
  cables,
  site,
}) => {
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url()));
  await database.start("b-live", { title: "fixes tests", workspace: "/src/app" });
  await signIn(page, site, cables);
  await isLive(page);
  const row = page.getByTestId("worker-b-live");
  await expect(row).toContainText("fixes tests");
  await expect(row).toContainText("lag 0");
  await page.getByRole("tab", { name: "Runs" }).click();
  await database.run("b-run", 1, "started", { title: "Builds it" });
  await expect(page.getByTestId("run-b-run")).toContainText("Builds it");
  await page.reload();
  await expect(page.getByTestId("run-b-run")).toContainText("running");
  await page.goBack();
  await database.append("b-live", "worker.busy", { task: "issue 14" });
  await expect(row).toContainText("issue 14");
  await expect(row).toContainText("seq 3");
  const loaded = (name: RegExp) => scripts.filter((url) => name.test(url));
  expect(new Set(loaded(/\/khala-[^/]*\.js/)).size).toBe(1);
  expect(loaded(/\/legacy-[^/]*\.js/)).toEqual([]);
});

test("the start loads neither lane, and each is a chunk of its own", async () => {
  const page = await readFile("dist/index.html", "utf8");
  const started = [...page.matchAll(/src="\/([^"]+\.js)"/g)].map(([, path]) => path ?? "");
  expect(started.length).toBeGreaterThan(0);
  expect(started.filter((path) => /\/(khala|legacy)-/.test(path))).toEqual([]);
  // The words of each lane are in its chunk, and nowhere else.
  const scripts = (await readdir("dist/_expo/static/js/web")).filter((name) => /\.js$/.test(name));
  const holding = async (words: string) => {
    const found = await Promise.all(
      scripts.map(async (name) =>
        (await readFile(`dist/_expo/static/js/web/${name}`, "utf8")).includes(words) ? name : null,
      ),
    );
    return found.flatMap((name) => name?.replace(/-.*/, "") ?? []);
  };
  expect(await holding('name:"legacy"')).toEqual(["legacy"]);
  expect(await holding('name:"khala"')).toEqual(["khala"]);
});

test("airplane mode: the banner, and everything that was written meanwhile", async ({
  page,
  context,
  database,
  cables,
  site,
}) => {
  await database.start("b-air", { title: "flies" });
  await signIn(page, site, cables);
  await isLive(page);
  await context.setOffline(true);
  cables.ws.pull();
  await expect(page.getByTestId("banner")).toContainText("You are offline");
  await database.append("b-air", "worker.busy", { task: "written meanwhile" });
  cables.ws.plug();
  await context.setOffline(false);
  await isLive(page);
  await expect(page.getByTestId("worker-b-air")).toContainText("written meanwhile");
  await expect(page.getByTestId("banner")).toHaveCount(0);
});

test("a page that dies in the middle of saving comes back where it was, offline too", async ({
  page,
  context,
  database,
  cables,
  site,
}) => {
  await database.start("b-dies", { title: "survives" });
  await signIn(page, site, cables);
  await isLive(page);
  await page.getByTestId("filter-running").click();
  await page.getByTestId("worker-b-dies").click();
  await expect(page.getByTestId("event-2")).toBeVisible();
  const address = page.url();
  const account = await page.evaluate(() => sessionStorage.getItem("khala.account"));
  await expect.poll(() => storedIn(page)).toContain("b-dies");
  // Saves follow each other; the renderer's process ends between any two of them.
  const writing = (async () => {
    for (let step = 0; step < 40; step++) {
      await database.append("b-dies", "worker.busy", { task: `step ${step}` });
    }
  })();
  await expect(
    page
      .getByTestId("worker")
      .getByText(/^step \d+$/)
      .first(),
  ).toBeVisible();
  const devtools = await context.newCDPSession(page);
  // What has crashed does not answer.
  devtools.send("Page.crash").catch(() => undefined);
  await page.waitForEvent("crash");
  await writing;
  cables.ws.pull();
  cables.http.pull();
  const again = await context.newPage();
  await again.addInitScript((kept) => {
    sessionStorage.setItem("khala.account", kept ?? "");
  }, account);
  await again.goto(address);
  await expect(again.getByText("survives").last()).toBeVisible();
  await expect(again.getByTestId("banner").last()).toContainText("in an earlier session");
  await expect(again.getByTestId("filter-running")).toBeChecked();
  cables.ws.plug();
  cables.http.plug();
  // The button is there until it is back by itself, which may be sooner.
  const isBack = expect(again.getByTestId("worker").getByText("step 39").first()).toBeVisible();
  await Promise.race([again.getByRole("button", { name: "Try now" }).last().click(), isBack]);
  await isBack;
});

test("the flag changes the lane of an open page, which keeps its place", async ({
  page,
  database,
  cables,
  site,
}) => {
  const many = Array.from({ length: 40 }, (_, number) => `b-flag-${number}`);
  for (const id of many) {
    await database.start(id);
  }
  await signIn(page, site, cables);
  await isLive(page);
  const list = page.getByTestId("workers");
  await list.evaluate((element) => {
    element.scrollTop = 900;
  });
  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  // The row at the top, and how far it is in view. Not how far is scrolled: rows of other tests may
  // come above it, and the browser keeps it where it is.
  const place = () =>
    list.evaluate((element) => {
      const edge = element.getBoundingClientRect().top;
      const rows = [...element.querySelectorAll('[data-testid^="worker-"]')];
      const row = rows.find((each) => each.getBoundingClientRect().bottom > edge);
      return [row?.getAttribute("data-testid"), row && row.getBoundingClientRect().top - edge];
    });
  await expect.poll(() => list.evaluate((element) => element.scrollTop)).toBeGreaterThan(600);
  const kept = await place();
  await setFlag("--lane", "legacy", "--person", "ann");
  await expect(page.getByTestId("lane-legacy")).toBeVisible();
  await expect(page.getByTestId("connection")).toHaveAccessibleName("Connection: Every 12 s");
  expect(await place()).toEqual(kept);
  await setFlag("--lane", "khala");
  await expect(page.getByTestId("lane-khala")).toBeVisible();
  await isLive(page);
  expect(await place()).toEqual(kept);
  expect(await page.evaluate(() => "isSamePage" in window)).toBe(true);
});

test("of 2,000 workers only those near the eye are in the page", async ({
  page,
  database,
  cables,
  site,
}) => {
  const ids = Array.from({ length: 2_000 }, (_, number) => `b-many-${number}`);
  await database.ingest(...ids.map((id) => ({ id, seq: 1, type: "worker.started" })));
  await signIn(page, site, cables);
  await isLive(page);
  await expect(page.getByTestId("filter-all")).toContainText("2000");
  const rows = page.getByTestId(/^worker-/);
  await expect(rows.first()).toBeVisible();
  expect(await rows.count()).toBeLessThan(200);
  await expect
    .poll(() =>
      page.getByTestId("workers").evaluate((list) => {
        list.scrollTop = list.scrollHeight;
        return list.scrollTop;
      }),
    )
    .toBeGreaterThan(20_000);
  await expect(page.getByTestId("worker-b-many-0")).toHaveCount(0);
  expect(await rows.count()).toBeLessThan(200);
  await database.append("b-many-999", "worker.busy", { task: "is the first now" });
  await page.getByTestId("workers").evaluate((list) => {
    list.scrollTop = 0;
  });
  await expect(rows.first()).toContainText("is the first now");
});

test("back, reload and the Tab key reach what is shown, and nothing under it", async ({
  page,
  database,
  cables,
  site,
}) => {
  await database.start("b-keys", { title: "by keyboard" });
  await signIn(page, site, cables);
  await isLive(page);
  await page.getByTestId("worker-b-keys").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("event-2")).toBeVisible();
  await expect(page.getByTestId("worker-b-keys")).toBeHidden();
  await page.reload();
  await expect(page.getByTestId("event-2")).toBeVisible();
  await page.goBack();
  await expect(page.getByTestId("worker-b-keys")).toBeVisible();
  await expect(page.getByTestId("worker")).toHaveCount(0);
});

/** The ids of the workers in the page's store. */
function storedIn(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const all = await indexedDB.databases();
    const name = all.find((one) => one.name?.startsWith("khala"))?.name ?? "";
    const found = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const documents = await new Promise<{ docKey: string }[]>((resolve) => {
      const request = found.transaction("versions").objectStore("versions").getAll();
      request.onsuccess = () => resolve(request.result);
    });
    found.close();
    return documents.map(({ docKey }) => docKey.split(":")[1] ?? "");
  });
}
