// Fails when the examples of the package's README do not compile as one program, or those of the
// repository's README as another, or when an export leads nowhere.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const { name, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The sources behind the exports: `dist` may be older than they are. */
const paths = Object.fromEntries(
  Object.entries(exports).map(([path, conditions]) => {
    const { types } = conditions.import ?? conditions;
    const source = join(root, types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"));
    if (!existsSync(source)) {
      console.error(`package.json exports ${path}, which is not built from ${source}`);
      process.exit(1);
    }
    return [path.replace(".", name), [source]];
  }),
);

const examples = (text) => Array.from(text.matchAll(/^```tsx?\n(.*?)^```$/gms), ([, code]) => code);
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = examples(readme);
const unshown = Object.keys(paths).filter((path) => !new RegExp(`["\`]${path}["\`]`).test(readme));
if (blocks.length === 0 || unshown.length > 0) {
  console.error(`README.md has ${blocks.length} examples and says nothing of ${unshown}`);
  process.exit(1);
}

const place = join(root, "node_modules", ".cache", "readme");
rmSync(place, { recursive: true, force: true });
mkdirSync(place, { recursive: true });
writeFileSync(join(place, "examples.tsx"), blocks.join("\n"));
const first = examples(readFileSync(join(root, "..", "..", "README.md"), "utf8"));
writeFileSync(join(place, "first.ts"), first.join("\n"));
writeFileSync(join(place, "package.json"), '{"type":"module"}');
writeFileSync(
  join(place, "tsconfig.json"),
  JSON.stringify({
    extends: join(root, "tsconfig.json"),
    compilerOptions: { paths, noUnusedLocals: false, noPropertyAccessFromIndexSignature: false },
    include: ["examples.tsx", "first.ts"],
  }),
);
try {
  execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", place], { stdio: "inherit" });
} catch {
  console.error("an example of README.md does not compile");
  process.exit(1);
}
console.log(`README.md: ${blocks.length + first.length} examples compile`);
