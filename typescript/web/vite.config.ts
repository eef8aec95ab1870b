import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const client = fileURLToPath(new URL("../khala-client/src", import.meta.url));
/** `npm run dev` works against a running `khala dev`. */
const server = process.env["KHALA_HTTP_URL"] ?? "http://127.0.0.1:4001";

export default defineConfig({
  resolve: {
    // The client's sources: the page is built without building (or installing) the client first.
    alias: [
      { find: /^khala-client$/, replacement: `${client}/index.ts` },
      { find: /^khala-client\/(.*)$/, replacement: `${client}/$1.ts` },
    ],
    dedupe: ["react", "react-dom", "@bufbuild/protobuf"],
  },
  build: {
    target: "es2022",
    emptyOutDir: true,
    rolldownOptions: {
      // Of khala-client's hooks: it is for servers that render.
      onLog: (level, log, otherwise) => {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") otherwise(level, log);
      },
    },
  },
  server: { proxy: { "/api": server } },
});
