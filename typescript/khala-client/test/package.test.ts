/** The packed package: loaded and typed as ES modules and as CommonJS, checked by other tools. */

import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

// Compilers on a loaded machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const bin = (name: string) => resolve("node_modules/.bin", name);
const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
const PATHS = Object.keys(exports).map((path) => path.replace(".", "khala-client"));
/** Of frameworks that are ESM only. */
const ONLY_ESM = ["khala-client/svelte"];
const IN_BOTH = PATHS.filter((path) => !ONLY_ESM.includes(path));

let place: string;
let archive: string;

function run(program: string, ...parameters: string[]): string {
  return execFileSync(program, parameters, { cwd: place, encoding: "utf8" });
}

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "khala-package-"));
  archive = run(process.execPath, resolve("scripts/pack.mjs"), ".").trim();
  run("tar", "-xzf", archive);
  const modules = join(place, "node_modules");
  mkdirSync(modules);
  cpSync(join(place, "package"), join(modules, "khala-client"), { recursive: true });
  // What a project has of the others: its own packages.
  for (const name of [
    "@bufbuild",
    "@tanstack",
    "@types",
    "@vue",
    "csstype",
    "react",
    "svelte",
    "vue",
  ]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(resolve("node_modules", name), join(modules, name));
  }
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

test("every path is loaded by import and by require, and has the same names", () => {
  const script = (load: string) =>
    `(async () => { const names = {};
      for (const path of ${JSON.stringify(IN_BOTH)}) {
        names[path] = Object.keys(await ${load}).filter((name) => name !== "__esModule").sort();
      }
      console.log(JSON.stringify(names)); })();`;
  writeFileSync(join(place, "all.mjs"), script("import(path)"));
  writeFileSync(join(place, "all.cjs"), script("require(path)"));
  const imported = JSON.parse(run(process.execPath, "all.mjs"));
  const required = JSON.parse(run(process.execPath, "--no-experimental-require-module", "all.cjs"));
  expect(required).toEqual(imported);
  expect(imported["khala-client"]).toContain("createKhalaClient");
  expect(imported["khala-client/react"]).toContain("useKhalaTopic");
});

const USER = `
import { createCollection } from "@tanstack/db";
import { createKhalaClient } from "khala-client";
import { useKhalaTopic } from "khala-client/react";
import { khalaCollectionOptions } from "khala-client/tanstack";
const khala = createKhalaClient({ url: "/socket/websocket", token: "none" });
export const useRuns = () => useKhalaTopic(khala.topic<{ state: string }>("runs")).data[0]?.payload.state;
const state: string | undefined = useRuns();
// @ts-expect-error: the types are found, and are not any.
const wrong: number = useRuns();
const orders = createCollection(
  khalaCollectionOptions({ client: khala, topic: "t", getKey: (order: { id: string }) => order.id }),
);
const id: string | undefined = orders.get("a")?.id;
// @ts-expect-error: keys are what getKey returns.
orders.get(1);
// @ts-expect-error: rows are what getKey takes.
orders.toArray[0]?.total;
export default [state, wrong, id];
`;

/** A program that imports these paths, too. */
function writeUser(file: string, paths: readonly string[]) {
  const names = paths.map((_, index) => `part${index}`);
  const imports = paths.map((path, index) => `import * as ${names[index]} from "${path}";`);
  const text = `${imports.join("\n")}${USER}export const parts = [${names}];\n`;
  writeFileSync(join(place, file), text);
}

test.each([
  ["node16", "node16", "commonjs.cts", "module.mts"],
  ["esnext", "bundler", "bundled.ts"],
])("types with module %s, moduleResolution %s", (module, moduleResolution, ...files) => {
  for (const file of files) {
    writeUser(file, file.endsWith(".cts") ? IN_BOTH : PATHS);
  }
  const options = ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022"];
  const modules = ["--module", module, "--moduleResolution", moduleResolution];
  const types = ["--lib", "es2022,dom", "--types", "node"];
  run(bin("tsc"), ...options, ...types, ...modules, ...files);
});

test("publint and arethetypeswrong find nothing", () => {
  run(bin("publint"), "run", archive, "--strict");
  // ESM that says so is no fault: those paths name no CommonJS.
  const esm = ONLY_ESM.map((path) => path.replace("khala-client/", ""));
  run(bin("attw"), archive, "--profile", "node16", "--exclude-entrypoints", ...esm);
});

test("a page's framework sees that the hooks belong to the page", () => {
  for (const file of ["dist/react.js", "dist/cjs/react.js"]) {
    const text = readFileSync(join(place, "package", file), "utf8");
    expect(text).toMatch(/^(["']use strict["'];\s*)?["']use client["'];/);
  }
});
