// Fails when what a page loads for the JSON lane is larger than it may be, compressed.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_BYTES = 8_000;

async function measure(name, contents, limit) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    write: false,
  });
  const [{ contents: bundle }] = outputFiles;
  const size = gzipSync(bundle, { level: 9 }).length;
  console.log(`${name}: ${size} bytes gzipped, ${bundle.length} minified (limit ${limit})`);
  return size <= limit;
}

const entry = "../src/index.ts";
const fits = [
  // The JSON lane; stores are added by those who use them.
  await measure("client", `export { createKhalaClient } from "${entry}"`, LIMIT_BYTES),
  await measure(
    "client and IndexedDB",
    `export { createKhalaClient, indexedDbStore } from "${entry}"`,
    LIMIT_BYTES + 700,
  ),
  await measure("everything but React", `export * from "${entry}"`, LIMIT_BYTES + 2_500),
];
if (fits.includes(false)) {
  console.error("larger than it may be");
  process.exit(1);
}
