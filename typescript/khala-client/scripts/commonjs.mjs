// Writes dist/cjs: the same modules for `require`, with the same types. Not what only ESM can load.
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build } from "esbuild";

const dist = resolve(import.meta.dirname, "..", "dist");
const outdir = join(dist, "cjs");
// Svelte itself is ESM only.
const modules = readdirSync(dist, { recursive: true }).filter(
  (path) => path.endsWith(".js") && path !== join("views", "svelte.js"),
);

await build({
  entryPoints: modules.map((path) => join(dist, path)),
  outdir,
  outbase: dist,
  format: "cjs",
  platform: "neutral",
  target: "es2022",
});
writeFileSync(join(outdir, "package.json"), '{"type":"commonjs"}\n');
for (const path of modules.map((each) => each.replace(/\.js$/, ".d.ts"))) {
  mkdirSync(dirname(join(outdir, path)), { recursive: true });
  copyFileSync(join(dist, path), join(outdir, path));
}
