// Exports the application for Android and iOS, and checks that its start executes the code of neither
// lane: a native bundle is one file, so what counts is which modules are required before an `import()`.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PLATFORMS = ["android", "ios"];
const LANES = ["khala", "legacy"];

const directory = mkdtempSync(join(tmpdir(), "khala-mobile-native-"));
try {
  const platforms = PLATFORMS.flatMap((each) => ["--platform", each]);
  // Bytecode cannot be read.
  const argv = ["export", ...platforms, "--no-bytecode", "--output-dir", directory];
  const { status } = spawnSync("node_modules/.bin/expo", argv, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CI: "1", EXPO_NO_TELEMETRY: "1", EXPO_OFFLINE: "1" },
  });
  if (status !== 0) {
    throw new Error(`expo export ended with ${status}`);
  }
  for (const platform of PLATFORMS) {
    inspect(platform);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function inspect(platform) {
  const place = join(directory, "_expo/static/js", platform);
  const files = readdirSync(place);
  if (files.length !== 1) {
    throw new Error(`${platform}: one bundle was expected, not ${files.join(", ")}`);
  }
  const bundle = readFileSync(join(place, files[0]), "utf8");
  const modules = readModules(bundle);
  const entries = [...bundle.matchAll(/^__r\((\d+)\);?$/gm)].map(([, id]) => id);
  const started = reached(modules, entries, (module) => module.required);
  const all = reached(modules, entries, (module) => [...module.required, ...module.imported]);
  for (const lane of LANES) {
    // The words of a lane are in its module, and nowhere else.
    const own = [...modules].filter(([, { code }]) => code.includes(`name:"${lane}"`));
    if (own.length !== 1 || !all.has(own[0][0])) {
      throw new Error(`${platform}: ${own.length} modules of the lane ${lane} were found`);
    }
    if (started.has(own[0][0])) {
      throw new Error(`${platform}: the start requires the lane ${lane}`);
    }
  }
  console.log(
    `${platform}: the start requires ${started.size} of ${all.size} modules, and no lane`,
  );
}

/** The modules by id. A dependency counts as required at once unless all that is done with it is `import()`. */
function readModules(bundle) {
  const found = new Map();
  for (const code of bundle.split(/^__d\(/m).slice(1)) {
    const [, id, list] = /\},(\d+),\[([\d,]*)\]\);\s*(?:__r\(\d+\);\s*)*$/.exec(code) ?? [];
    if (id === undefined) {
      throw new Error(`a module cannot be read: ${code.slice(0, 80)}…`);
    }
    const dependencies = list.split(",").filter(Boolean);
    const uses = (pattern) => new Set([...code.matchAll(pattern)].map(([, at]) => Number(at)));
    const later = uses(/\(\w+\[(\d+)\],\w+\.paths\)/g);
    const now = uses(/\(\w+\[(\d+)\]\)/g);
    const isImported = (_, at) => later.has(at) && !now.has(at);
    found.set(id, {
      code,
      imported: dependencies.filter(isImported),
      required: dependencies.filter((each, at) => !isImported(each, at)),
    });
  }
  return found;
}

/** The modules that are executed from these on. */
function reached(modules, entries, next) {
  const found = new Set();
  const waiting = [...entries];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (!found.has(id)) {
      found.add(id);
      waiting.push(...next(modules.get(id)));
    }
  }
  return found;
}
