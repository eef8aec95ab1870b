/**
 * A table of thousands: shown before it is complete, kept, and up to date under many updates; and
 * what it loads. Times are measured by bench/page/speed.py, on a quiet machine.
 */

import { gzipSync } from "node:zlib";
import { expect, isLive, open, test } from "./harness/fixtures";
import { ready, type Written } from "./harness/server";

const DOCUMENTS = 5_000;
const UPDATES_PER_S = 200;
const WATCHED_MS = 2_000;
/** Five thousand documents take a loaded machine a while. */
const PATIENT = { timeout: 60_000 };
const MOST_SCRIPT_BYTES = 120_000;

test.setTimeout(180_000);

test("5,000 documents: rows before all are there, a reload without a snapshot, every update", async ({
  page,
  database,
}) => {
  for (let from = 0; from < DOCUMENTS; from += 1_000) {
    await database.sink(Array.from({ length: 1_000 }, (_, number) => documentOf(from + number, 1)));
  }
  await page.addInitScript(watchTotal);
  const snapshots: string[] = [];
  await page.route(/snapshot\?topic=runtime\.run_summaries/, async (route) => {
    // The second page of the snapshot comes when the first one has been drawn.
    if (snapshots.push(route.request().url()) === 2) {
      await page.waitForFunction(() => Reflect.has(window, "firstTotal"), null, PATIENT);
    }
    await route.continue();
  });
  const total = page.getByTestId("total");
  const all = DOCUMENTS.toLocaleString("en-US");
  await open(page);
  await expect(total).toHaveText(all, PATIENT);
  expect(snapshots.length).toBeGreaterThan(1);
  expect(await page.evaluate(() => Number(Reflect.get(window, "firstTotal")))).toBeLessThan(
    DOCUMENTS,
  );

  await expect.poll(() => page.evaluate(countSaved), PATIENT).toBe(DOCUMENTS);
  snapshots.length = 0;
  await page.reload();
  await isLive(page);
  await expect(total).toHaveText(all, PATIENT);
  expect(snapshots, "everything came from IndexedDB").toEqual([]);

  const started = performance.now();
  let number = 0;
  for (; performance.now() - started < WATCHED_MS; number++) {
    // Far apart: in view, and anywhere in the order.
    await database.sink([documentOf((number * 997) % DOCUMENTS, number + 2)]);
    const early = started + ((number + 1) * 1000) / UPDATES_PER_S - performance.now();
    await new Promise((done) => setTimeout(done, Math.max(0, early)));
  }
  const last = documentOf(((number - 1) * 997) % DOCUMENTS, number + 1);
  await page.getByRole("searchbox").fill(last.doc_key.slice(-9));
  await expect(page.locator(`.row[data-key="${last.doc_key}"]`)).toHaveAttribute(
    "data-version",
    String(last.doc_version),
  );
});

test("JavaScript of the first view: at most 120 kB, compressed", async ({ page, database: _ }) => {
  for (const view of ["overview", "runs"]) {
    const scripts: Promise<number>[] = [];
    page.removeAllListeners("response");
    page.on("response", (response) => {
      if (/\.js$/.test(new URL(response.url()).pathname)) {
        scripts.push(response.body().then((body) => gzipSync(body).length));
      }
    });
    await page.goto("about:blank");
    await page.goto(`${ready().page}#/${view}`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(new RegExp(view, "i"));
    await page.waitForLoadState("networkidle");
    const bytes = (await Promise.all(scripts)).reduce((sum, each) => sum + each, 0);
    console.log(`  ${view}: ${(bytes / 1000).toFixed(1)} kB in ${scripts.length} scripts`);
    expect(scripts.length).toBeGreaterThan(0);
    expect(bytes, view).toBeLessThanOrEqual(MOST_SCRIPT_BYTES);
  }
});

function documentOf(number: number, version: number): Written {
  const id = `many-${String(number).padStart(4, "0")}`;
  const payload = {
    ...{ kind: "run_summary", run_id: id, status: "running", title: `document ${number}` },
    ...{ command: ["make", "-j4"], progress: { lines: version, last_line: `line ${version}` } },
    started_at: new Date(Date.UTC(2026, 0, 1) + number * 60_000).toISOString(),
    latest_event_at: new Date().toISOString(),
  };
  const doc_key = `runtime/run_summary:${id}`;
  return { doc_key, doc_version: version, payload, org_id: "dev" };
}

/** Keeps the number of documents that the page says when its first row is drawn. */
function watchTotal() {
  const observer = new MutationObserver(() => {
    const total = document.querySelector("[data-testid=total]")?.textContent;
    if (total && document.querySelector("[data-testid=table] .row") !== null) {
      Object.assign(window, { firstTotal: Number(total.replace(/\D/g, "")) });
      observer.disconnect();
    }
  });
  observer.observe(document, { subtree: true, childList: true });
}

/** The number of documents in the page's store. */
function countSaved(): Promise<number> {
  return new Promise((done, fail) => {
    const opening = indexedDB.open("khala-admin-dev");
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const counting = database.transaction("versions").objectStore("versions").count();
      counting.onerror = () => fail(counting.error);
      counting.onsuccess = () => {
        database.close();
        done(counting.result);
      };
    };
  });
}
