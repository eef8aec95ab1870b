/** The live server of a test: SQL, tokens, and the relay's process. */

import { createHmac, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Client } from "pg";
import { inject, onTestFailed, onTestFinished } from "vitest";
import WebSocket from "ws";
import { createKhalaClient, type KhalaClient, type KhalaClientOptions } from "../../src/index.js";
import type { WebSocketClass } from "../../src/types.js";

export const server = inject("server");

/** A connection as the database's owner, closed when the test ends. */
export async function openDatabase(): Promise<Database> {
  const client = new Client({ connectionString: server.database });
  await client.connect();
  onTestFinished(() => client.end());
  return new Database(client);
}

export class Database {
  constructor(readonly client: Client) {}

  /** The first column of the first row. */
  async value(sql: string, ...parameters: unknown[]): Promise<unknown> {
    const { rows } = await this.client.query({ text: sql, values: parameters, rowMode: "array" });
    return (rows[0] as unknown[] | undefined)?.[0];
  }

  /** A topic of the test's own. */
  async topic(horizon = "7 days"): Promise<string> {
    const name = `test.t${randomUUID().replaceAll("-", "").slice(0, 16)}`;
    await this.value(
      "SELECT khala.register_topic($1, p_retention_horizon => $2, p_ownership => 'mixed')",
      name,
      horizon,
    );
    return name;
  }

  async sink(
    topic: string,
    key: string,
    version: number,
    payload: object,
    org: string | null = "acme",
  ): Promise<void> {
    await this.write(topic, key, version, payload, org);
  }

  /** Sinks a document; its watermark, in digits as drivers give it, null for a duplicate. */
  async write(
    topic: string,
    key: string,
    version: number,
    payload: object,
    org: string | null = "acme",
  ): Promise<string | null> {
    const sql = "SELECT watermark FROM khala.sink($1, $2, $3, $4, $5)";
    const parameters = [topic, key, version, JSON.stringify(payload), org];
    return (await this.value(sql, ...parameters)) as string | null;
  }

  async remove(topic: string, key: string, version: number, org: string | null = "acme") {
    await this.value(
      "SELECT watermark FROM khala.sink_delete($1, $2, $3, $4)",
      topic,
      key,
      version,
      org,
    );
  }

  /** Purges the journal: cursors that are behind become stale. */
  async purge(topic: string) {
    await this.value(
      "SELECT deleted FROM khala.retain($1, p_horizon => '0', p_batch => 1000000)",
      topic,
    );
  }

  /** The documents as the authority has them. */
  async documents(topic: string): Promise<Plain[]> {
    const { rows } = await this.client.query(
      `SELECT doc_key AS key, doc_version AS version, payload FROM runtime.sync_documents
       WHERE topic = $1 AND NOT deleted ORDER BY doc_key COLLATE "C"`,
      [topic],
    );
    return rows as Plain[];
  }
}

/** A document reduced to what the database and the client are compared by. */
export interface Plain {
  readonly key: string;
  readonly version: string;
  readonly payload: unknown;
}

export interface TokenOptions {
  readonly org?: string;
  readonly subject?: string;
  readonly ttlSeconds?: number;
}

/** Signs a token as the server's own keyring would. */
export function token(
  topics: string[],
  { org = "acme", subject = "ann", ttlSeconds = 3600 }: TokenOptions = {},
): string {
  const ring = JSON.parse(readFileSync(server.keyring, "utf8"));
  const key = ring.keys.find((each: { kid: string }) => each.kid === ring.current);
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: key.alg, kid: key.kid, typ: "JWT" },
    {
      iss: ring.issuer,
      aud: ring.audience,
      sub: subject,
      iat: now,
      nbf: now,
      exp: now + ttlSeconds,
      jti: randomUUID(),
      oa_org_id: org,
      oa_sync_scopes: topics,
      oa_claims_version: 1,
    },
  ];
  const signed = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = createHmac("sha256", Buffer.from(key.secret, "base64url")).update(signed);
  return `${signed}.${signature.digest("base64url")}`;
}

/** A client of the live server, closed when the test ends; if that fails, what it knew is told. */
export function connect(
  options: Partial<KhalaClientOptions> & Pick<KhalaClientOptions, "token">,
): KhalaClient {
  const errors: string[] = [];
  const khala = createKhalaClient({
    url: server.ws,
    WebSocket: WebSocket as unknown as WebSocketClass,
    backoff: { baseMs: 50, capMs: 1_000 },
    saveEveryMs: 0,
    ...options,
    onError: (error) => {
      errors.push(`${error.code}: ${error.message}`);
      options.onError?.(error);
    },
  });
  onTestFailed(() => {
    process.stderr.write(`${khala.getStatus().state}; ${errors.slice(-20).join("; ")}\n`);
    process.stderr.write(readFileSync(server.relayLog, "utf8").slice(-2_000));
  });
  onTestFinished(() => khala.close());
  return khala;
}

/** Kills the relay; `khala dev` starts another on the same ports. */
export function killRelay(): void {
  const relay = readdirSync("/proc").find((pid) => /^\d+$/.test(pid) && isRelay(pid));
  if (relay === undefined) {
    throw new Error("no relay is running");
  }
  process.kill(Number(relay), "SIGKILL");
}

function isRelay(pid: string): boolean {
  try {
    const parent = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1];
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return Number(parent) === server.pid && command.includes("relay");
  } catch {
    return false; // it ended meanwhile
  }
}
