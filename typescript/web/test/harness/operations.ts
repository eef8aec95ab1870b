/** What operators do and run: flags, a publisher with its receiver, comparisons with a legacy backend. */

import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { type Database, type Event, ready } from "./server";

/** A document that the receiver refuses, and that the legacy backend does not have. */
export const REFUSED = "runtime/run_summary:refused";

const ENVIRONMENT = {
  KHALA_PUBLISH_WEBHOOK_SECRET: `whsec_${Buffer.from("a secret of tests only, 32 bytes").toString("base64")}`,
  KHALA_PUBLISH_ADMIN_KEY: "a key of tests only",
};

async function output(...argv: string[]): Promise<string> {
  const program = process.env["KHALA_BIN"] ?? resolve("../../.venv/bin/khala");
  const env = { ...process.env, ...ENVIRONMENT, KHALA_DATABASE_URL: ready().database };
  return (await promisify(execFile)(program, argv, { env })).stdout;
}

/** Runs `khala` on the tests' database; resolves to its exit status. */
export async function khala(...argv: string[]): Promise<number> {
  try {
    await output(...argv);
    return 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === 1) {
      return 1;
    }
    throw error;
  }
}

/** A link that signs in to the page of these organisations. */
export async function pageLink(...organisations: readonly string[]): Promise<string> {
  const argv = organisations.map((each) => `--org=${each}`);
  return (await output("page", `--url=${ready().http}`, ...argv)).trim();
}

/** Work of every kind: runs and a flag, a publisher with a refusal, a comparison with a mismatch. */
export async function prepareOperations(database: Database): Promise<void> {
  const runs: readonly Event[] = ["one", "two", "three", "refused"].map((id) => ({
    entity: "run",
    id,
    seq: 1,
    type: "run.started",
    payload: { title: `Run ${id}` },
  }));
  await database.ingest(runs);
  const systems = await Systems.open(database);
  try {
    await Promise.all([
      khala("flags", "set", "mobile", "--lane=khala", "--percent=25", "--person=ann"),
      khala(
        ...["publish", "orders", "--to=webhook", `--url=${systems.url}/hook`, "--once"],
        "--topic=runtime.run_summaries",
      ),
      khala("parity", "--once", `--url=${systems.url}`, "--settle=0"),
    ]);
  } finally {
    systems.close();
  }
}

/** The systems outside: a receiver of webhooks, and queries as the legacy backend has them. */
class Systems {
  readonly #server: Server;

  private constructor(payloads: ReadonlyMap<string, unknown>) {
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += part;
      });
      request.on("end", () => {
        if (request.url === "/hook") {
          response.writeHead(body.includes(REFUSED) ? 422 : 204).end();
          return;
        }
        const { document_id: key } = JSON.parse(body).args;
        const summary = payloads.get(key);
        const value = summary === undefined ? null : { document_id: key, summary };
        response.end(JSON.stringify({ status: "success", value }));
      });
    });
  }

  static async open(database: Database): Promise<Systems> {
    const found = await database.query(
      "SELECT doc_key, payload FROM runtime.sync_documents WHERE NOT deleted AND doc_key <> $1",
      REFUSED,
    );
    const systems = new Systems(
      new Map(found.map(({ doc_key, payload }) => [String(doc_key), payload])),
    );
    await new Promise<void>((done) => systems.#server.listen(0, "127.0.0.1", done));
    return systems;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
