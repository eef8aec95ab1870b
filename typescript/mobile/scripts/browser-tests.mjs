// Exports the application for the web, if its sources have changed, and runs Playwright on it, with the
// Chromium there is. Without one it says so and does nothing; in CI that is a failure. Arguments go to
// Playwright.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const browser = process.env.KHALA_CHROMIUM ?? findOnPath(NAMES);
if (browser === undefined) {
  console.error("SKIPPED: the web export's tests: no Chromium on PATH (apt-get install chromium)");
  console.error("or name one: KHALA_CHROMIUM=/path/to/chromium");
  process.exit(process.env.CI ? 1 : 0);
}

// Not by itself: other tests want the same export, and it is made once.
run("../../scripts/typescript.sh", ["mobile"]);
run("node_modules/.bin/playwright", ["test", ...process.argv.slice(2)]);

function run(program, argv) {
  const { status, error } = spawnSync(program, argv, {
    stdio: "inherit",
    env: { ...process.env, KHALA_CHROMIUM: browser },
  });
  if (error !== undefined) {
    throw error;
  }
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}

function findOnPath(names) {
  const directories = (process.env.PATH ?? "").split(delimiter).concat("/usr/bin");
  return names
    .flatMap((name) => directories.map((directory) => join(directory, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
