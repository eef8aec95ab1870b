import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vite";
import page from "./vite.config.ts";

const packages = fileURLToPath(new URL("node_modules", import.meta.url));

/** The pages of examples/, which have no packages of their own. */
export default mergeConfig(
  page,
  defineConfig({
    resolve: { alias: [{ find: /^(react|react-dom)(?=\/|$)/, replacement: `${packages}/$1` }] },
  }),
);
