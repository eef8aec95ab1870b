import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyValueStorage } from "../../src/index.js";

/** A storage of texts by key in files: a value is written as a whole or not at all. */
export function fileStorage(directory: string): KeyValueStorage {
  const file = (key: string) =>
    join(directory, createHash("sha256").update(key).digest("hex").slice(0, 32));
  let writes = 0;
  return {
    getItem: (key) =>
      readFile(file(key), "utf8").catch((error) => {
        if (error.code === "ENOENT") {
          return null;
        }
        throw error;
      }),
    setItem: async (key, value) => {
      const draft = `${file(key)}.${process.pid}.${writes++}`;
      await writeFile(draft, value);
      await rename(draft, file(key));
    },
    removeItem: (key) => rm(file(key), { force: true }),
  };
}
