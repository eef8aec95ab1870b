// `npm run archive -- DIRECTORY`: what `npm pack` makes, there; prints its path. It is made of a copy,
// because packing builds dist anew, which others may be reading.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PARTS = [
  "package.json",
  "README.md",
  "scripts",
  "src",
  "tsconfig.json",
  "tsconfig.build.json",
];

const root = resolve(import.meta.dirname, "..");
const copy = mkdtempSync(join(tmpdir(), "khala-client-"));
try {
  for (const part of PARTS) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const target = resolve(process.argv[2]);
  const options = ["--json", `--pack-destination=${target}`];
  const said = execFileSync("npm", ["pack", ...options], { cwd: copy, encoding: "utf8" });
  const [{ filename }] = JSON.parse(said.slice(said.indexOf("[\n")));
  console.log(join(target, filename));
} finally {
  rmSync(copy, { recursive: true, force: true });
}
