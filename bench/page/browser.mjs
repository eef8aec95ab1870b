// The admin page in Chromium, measured from within. Prints a line of JSON when the browser is there,
// and one for each line that it reads: {page, database, documents, org, rate, seconds, profile?}.
//
// A visit: the page in a browser that has nothing yet; the same page again, from IndexedDB; then
// `rate` updates a second of documents of `org` for some seconds. Times count from the start of the
// navigation; a task is one turn of the page's main thread, from Chromium's own trace.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { gzipSync } from "node:zlib";

const require = createRequire(new URL("../../typescript/web/package.json", import.meta.url));
const { chromium } = require("@playwright/test");
const { Client } = require("pg");

const PATIENCE_MS = 60_000;
const CATEGORIES = ["disabled-by-default-devtools.timeline"];

/** Runs in the page: when the first rows, or the words for none, are on the screen. */
function watchPaint() {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      globalThis.longTasks.push({ startTime, duration });
    }
  }).observe({ type: "longtask", buffered: true });
  const isThere = () =>
    document.querySelector("[data-testid=table] .row, [data-testid=table] .nothing:not(.reading)");
  const observer = new MutationObserver(() => {
    if (isThere() !== null) {
      observer.disconnect();
      // The frame that this change is drawn in, and the task after it.
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
          globalThis.firstRows = performance.now();
        };
        port2.postMessage(null);
      });
    }
  });
  observer.observe(document, { subtree: true, childList: true, characterData: true });
}

/** Runs in the page: when it has everything; longest task until then. */
async function everything() {
  const isLive = () =>
    document.querySelector("[data-testid=topic-runs]")?.getAttribute("data-phase") === "live";
  while (!isLive() || globalThis.firstRows === undefined) {
    await new Promise((done) => setTimeout(done, 5));
  }
  const [longest = 0] = globalThis.longTasks.map(({ duration }) => duration).sort((a, b) => b - a);
  return { rows_ms: globalThis.firstRows, all_ms: performance.now(), longest_ms: longest };
}

/** Runs in the page: the number of documents in IndexedDB, and the version of one of them. */
async function savedDocuments(docKey) {
  const of = (request) =>
    new Promise((done, fail) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error);
    });
  let count = 0;
  let version = "";
  for (const { name } of await indexedDB.databases()) {
    const database = await of(indexedDB.open(name));
    if (database.objectStoreNames.contains("versions")) {
      const versions = database.transaction("versions").objectStore("versions");
      const [all, one] = [of(versions.count()), of(versions.get(["runtime.run_summaries", docKey]))];
      count += await all;
      version = String((await one)?.docVersion ?? version);
    }
    database.close();
  }
  return { count, version };
}

async function visit(browser, { page: url, database, documents, org, rate, seconds, profile }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(watchPaint);
    const script = [];
    const keep = async (response) => {
      if (/\.js$/.test(new URL(response.url()).pathname)) {
        script.push(gzipSync(await response.body()).length);
      }
    };
    page.on("response", keep);
    const cdp = profile === undefined ? null : await context.newCDPSession(page);
    const profiled = async (name, work) => {
      await cdp?.send("Profiler.enable");
      await cdp?.send("Profiler.start");
      const found = await work();
      if (cdp !== null) {
        const taken = await cdp.send("Profiler.stop");
        writeFileSync(`${profile}-${name}.cpuprofile`, JSON.stringify(taken.profile));
      }
      return found;
    };
    const first = await profiled("first", async () => {
      await page.goto(`${url}#/runs`);
      return page.evaluate(everything);
    });
    page.off("response", keep);
    await until("the documents are not in IndexedDB", async () => {
      const found = await page.evaluate(savedDocuments, "");
      return found.count >= documents;
    });
    const again = await profiled("again", async () => {
      await page.reload();
      return page.evaluate(everything);
    });
    const updates = await profiled("updates", () =>
      updated(browser, page, { database, documents, org, rate, seconds }),
    );
    const script_bytes = script.reduce((sum, each) => sum + each, 0);
    return { first: { ...first, script_bytes }, again, updates };
  } finally {
    await context.close();
  }
}

/** Waits until the page has saved an update: it has come, was verified and is shown. */
async function saved(page, { docKey, version }) {
  await until("the last update is not in IndexedDB", async () => {
    const found = await page.evaluate(savedDocuments, docKey);
    return found.version === String(version);
  });
}

async function until(otherwise, isTrue) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (Date.now() > end) {
      throw new Error(otherwise);
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function updated(browser, page, { database, documents, org, rate, seconds }) {
  const client = new Client({ connectionString: database });
  await client.connect();
  try {
    await page.evaluate(() => {
      globalThis.longTasks.length = 0;
    });
    await browser.startTracing(page, { categories: CATEGORIES });
    const frames = page.evaluate(countFrames, seconds * 1000);
    const written = await write(client, org, rate * seconds, rate, documents);
    const fps = await frames;
    if (documents > 0) {
      await saved(page, written.last);
    }
    const tasks = tasksOf(JSON.parse(await browser.stopTracing()).traceEvents);
    return { ...tasks, fps, written_per_s: written.perSecond };
  } finally {
    await client.end();
  }
}

/** Runs in the page. */
async function countFrames(duration) {
  const start = performance.now();
  let frames = 0;
  while (performance.now() - start < duration) {
    await new Promise((done) => requestAnimationFrame(done));
    frames++;
  }
  return (frames * 1000) / (performance.now() - start);
}

/** Updates documents in turns, each in a transaction of its own; how many a second, and the last. */
async function write(client, org, count, rate, documents) {
  const started = performance.now();
  let last = null;
  const sql = `SELECT FROM khala.sink('runtime.run_summaries', $1, $2, $3, $4)`;
  for (let number = 0; number < count; number++) {
    // Far apart: in view, and anywhere in the order.
    const id = String((number * 7919) % Math.max(documents, 1_000)).padStart(5, "0");
    const payload = {
      ...{ kind: "run_summary", run_id: `${org}-${id}`, status: "running" },
      ...{ title: `document ${id}`, command: ["make", "-j4"], started_at: startedAt(id) },
      progress: { lines: number, last_line: `line ${number} of ${id}` },
      latest_event_at: new Date().toISOString(),
      event_count: number,
    };
    last = { docKey: `runtime/run_summary:${org}-${id}`, version: Date.now() * 1000 + number };
    await client.query(sql, [last.docKey, last.version, payload, org]);
    const due = started + ((number + 1) * 1000) / rate;
    const early = due - performance.now();
    if (early > 1) {
      await new Promise((done) => setTimeout(done, early));
    }
  }
  return { perSecond: (count * 1000) / (performance.now() - started), last };
}

function startedAt(id) {
  return new Date(Date.UTC(2026, 0, 1) + Number(id) * 60_000).toISOString();
}

/** The longest turn of the page's main thread, and the processor time of all of them. */
function tasksOf(events) {
  const isMain = ({ name, args }) => name === "thread_name" && args.name === "CrRendererMain";
  const mains = new Set(events.filter(isMain).map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = events.filter(
    ({ name, ph, pid, tid }) => name === "RunTask" && ph === "X" && mains.has(`${pid} ${tid}`),
  );
  const most = (field) => tasks.reduce((found, each) => Math.max(found, each[field] ?? 0), 0) / 1000;
  const busy = tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1000;
  return { longest_ms: most("dur"), longest_cpu_ms: most("tdur"), busy_ms: busy };
}

const browser = await chromium.launch({
  executablePath: process.env.KHALA_CHROMIUM ?? "/usr/bin/chromium",
});
console.log(JSON.stringify({ version: browser.version() }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await visit(browser, JSON.parse(line))));
}
await browser.close();
