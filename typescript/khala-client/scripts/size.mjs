// Fails when what a page loads is larger than it may be: bundled and minified by esbuild, compressed
// by gzip -9, and 9 kB are 9,000 bytes. And when the JSON lane loads anything of the binary one.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_BYTES = 11_700;
const ONLY_BINARY = /protobuf|\/gen\/|binary/;

const client = 'export { createKhalaClient } from "../src/index.ts"';
const indexedDb = 'export { indexedDbStore } from "../src/stores/indexeddb.ts"';
const tanstack = 'export { khalaCollectionOptions } from "../src/tanstack/index.ts"';
const binary = 'export { binaryLane } from "../src/binary.ts"';

async function measure(name, contents, limit) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    metafile: true,
    write: false,
  });
  const [{ contents: bundle }] = outputFiles;
  const size = gzipSync(bundle, { level: 9 }).length;
  console.log(`${name}: ${size} bytes gzipped, ${bundle.length} minified (limit ${limit})`);
  const [{ inputs }] = Object.values(metafile.outputs);
  const loaded = Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0);
  return { fits: size <= limit, isBinary: loaded.some((path) => ONLY_BINARY.test(path)) };
}

const json = [
  // The JSON lane; stores are added by those who use them.
  await measure("client", client, LIMIT_BYTES),
  await measure("client and IndexedDB", `${client};${indexedDb}`, LIMIT_BYTES + 800),
  await measure("client and TanStack collections", `${client};${tanstack}`, LIMIT_BYTES + 1_000),
  await measure("everything but React", 'export * from "../src/index.ts"', LIMIT_BYTES + 2_500),
];
// Most of it is protobuf-es.
const both = await measure("client and binary lane", `${client};${binary}`, LIMIT_BYTES + 20_000);
if (![...json, both].every(({ fits }) => fits)) {
  console.error("larger than it may be");
  process.exit(1);
}
if (json.some(({ isBinary }) => isBinary) || !both.isBinary) {
  console.error("the binary lane is loaded without having been asked for, or is not found");
  process.exit(1);
}
