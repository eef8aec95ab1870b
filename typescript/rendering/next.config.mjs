import { resolve } from "node:path";

export default {
  // Not the lock file of another folder above.
  turbopack: { root: resolve(import.meta.dirname) },
};
