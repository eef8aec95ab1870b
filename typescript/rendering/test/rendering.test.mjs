// A page that a server rendered is complete before and after a browser takes it over.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import pg from "pg";
import { chromium } from "playwright-core";
import { serve } from "../vite/serve.mjs";

const root = resolve(import.meta.dirname, "..");
const LOADING = /<p id="runs">disconnected: loading, none<\/p>/;
const TOPIC = "runtime.run_summaries";
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
const executablePath =
  process.env.KHALA_CHROMIUM ?? BROWSERS.map((name) => join("/usr/bin", name)).find(exists);
const skip =
  executablePath === undefined && !process.env.CI && "no Chromium: apt-get install chromium";

const places = [];
const processes = [];
let database;
let browser;
let given;
let organisation;

before(async () => {
  if (skip) {
    return;
  }
  install();
  const place = directory();
  const khala = process.env.KHALA_BIN ?? resolve(root, "../../.venv/bin/khala");
  const options = ["--json", `--data-dir=${place}`, "--ws-port=0", "--http-port=0"];
  await started(khala, ["dev", ...options], {}, /./);
  const dev = JSON.parse(readFileSync(join(place, "dev.json"), "utf8"));
  database = new pg.Client({ connectionString: dev.database });
  await database.connect();
  organisation = dev.organisation;
  given = { url: dev.ws, token: dev.token, topic: TOPIC };
  browser = await chromium.launch({ executablePath });
});

after(async () => {
  await browser?.close();
  await database?.end();
  for (const each of processes.reverse()) {
    each.kill("SIGTERM");
    await (each.exitCode ?? once(each, "exit"));
  }
  for (const each of places) {
    rmSync(each, { recursive: true, force: true });
  }
});

test("Next.js: built, started, read and taken over", { skip }, async () => {
  const environment = {
    NEXT_TELEMETRY_DISABLED: "1",
    KHALA_URL: given.url,
    KHALA_TOKEN: given.token,
    KHALA_TOPIC: given.topic,
  };
  const next = join(root, "node_modules/.bin/next");
  execFileSync(next, ["build"], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const line = await started(next, ["start", "--port=0"], environment, /http:\/\/localhost:\d+/);
  const url = line.match(/http:\/\/localhost:\d+/)[0];
  const html = await rendered(url);
  assert.match(html, /hooks: (<!-- -->)?function/);
  await takenOver(url, 1);
});

test("Vite: rendered in development, read and taken over", { skip }, async () => {
  const page = await serve(given);
  try {
    await rendered(page.url);
    await takenOver(page.url, 3);
  } finally {
    await page.close();
  }
});

/** The page as a reader without a browser gets it. */
async function rendered(url) {
  const response = await fetch(url);
  const html = await response.text();
  assert.equal(response.status, 200, html);
  assert.match(html, LOADING);
  return html;
}

/** The page in Chromium: it shows documents and their changes, and has nothing to complain about. */
async function takenOver(url, version) {
  await sink("run-1", version, "running");
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      complaints.push(message.text());
    }
  });
  await page.goto(url);
  const shows = (text) => page.locator("#runs", { hasText: text }).waitFor({ timeout: 60_000 });
  await shows(`connected: run-1 running, ${version}`);
  await sink("run-1", version + 1, "done");
  await shows(`connected: run-1 done, ${version + 1}`);
  // Now with stored documents before the page is taken over.
  await page.reload();
  await shows(`connected: run-1 done, ${version + 1}`);
  assert.deepEqual(complaints, []);
  await context.close();
}

async function sink(key, version, state) {
  await database.query("SELECT khala.sink($1, $2, $3, $4, $5)", [
    TOPIC,
    key,
    version,
    JSON.stringify({ state }),
    organisation,
  ]);
}

/** The packed client in node_modules, beside the packages of the lock file. */
function install() {
  const place = directory();
  const pack = resolve(root, "../khala-client/scripts/pack.mjs");
  const archive = execFileSync(process.execPath, [pack, place], { encoding: "utf8" }).trim();
  const target = join(root, "node_modules/khala-client");
  rmSync(target, { recursive: true, force: true });
  execFileSync("tar", ["-xzf", archive, "-C", place]);
  execFileSync("cp", ["-r", join(place, "package"), target]);
}

/** Starts a program; the first line that it prints and that matches. */
async function started(program, parameters, environment, pattern) {
  const child = spawn(program, parameters, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  processes.push(child);
  for await (const line of createInterface(child.stdout)) {
    if (pattern.test(line)) {
      child.stdout.resume();
      return line;
    }
  }
  throw new Error(`${program} ended`);
}

function directory() {
  const place = mkdtempSync(join(tmpdir(), "khala-rendering-"));
  places.push(place);
  return place;
}

function exists(path) {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
