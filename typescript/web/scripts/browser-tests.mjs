// Builds the page and runs Playwright on it, with the Chromium there is. Without one it says so and
// does nothing; in CI that is a failure. Arguments go to Playwright.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { build } from "vite";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const browser = process.env.KHALA_CHROMIUM ?? findOnPath(NAMES);
if (browser === undefined) {
  console.error("SKIPPED: the page's tests: no Chromium on PATH (apt-get install chromium)");
  console.error("or name one: KHALA_CHROMIUM=/path/to/chromium");
  process.exit(process.env.CI ? 1 : 0);
}

await build({ logLevel: "warn" });
// The page as it is when the flag is off: a build of its own.
process.env.VITE_KHALA_SYNC_ENABLED = "false";
await build({ logLevel: "warn", build: { outDir: "dist-legacy", emptyOutDir: true } });

const { status } = spawnSync("node_modules/.bin/playwright", ["test", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, KHALA_CHROMIUM: browser },
});
process.exit(status ?? 1);

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
