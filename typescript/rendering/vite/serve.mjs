// Serves the page that vite/server.jsx renders, as Vite's guide to SSR does in development.
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { join } from "node:path";
import { createServer } from "vite";

export async function serve(given) {
  const root = import.meta.dirname;
  const server = createHttpServer();
  const vite = await createServer({
    root,
    configFile: false,
    appType: "custom",
    logLevel: "warn",
    cacheDir: join(root, "..", "node_modules", ".cache", "vite"),
    server: { middlewareMode: true, hmr: { server }, fs: { allow: [join(root, "..")] } },
    optimizeDeps: {
      include: [
        "khala-client",
        "khala-client/indexeddb",
        "khala-client/react",
        "react",
        "react-dom/client",
        "react/jsx-dev-runtime",
      ],
    },
  });
  server.on("request", (request, response) => {
    vite.middlewares(request, response, async () => {
      const { render } = await vite.ssrLoadModule("/server.jsx");
      const text = readFileSync(join(root, "index.html"), "utf8");
      const page = (await vite.transformIndexHtml("/", text))
        .replace("<!--page-->", () => render(given))
        .replace("<!--given-->", () => encodeURIComponent(JSON.stringify(given)));
      response.setHeader("Content-Type", "text/html").end(page);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await vite.close();
    },
  };
}
