/** The server of the tests, as its users have it: addresses, and SQL that appends events. */

import { Client } from "pg";

/** The ready line of `khala dev --json`. */
export interface Ready {
  readonly database: string;
  readonly ws: string;
  readonly http: string;
  readonly page: string;
  readonly token: string;
  readonly lightning_ops_secret: string;
}

export function ready(): Ready {
  return JSON.parse(process.env["KHALA_READY"] ?? "null");
}

export interface Event {
  readonly entity: "run" | "codex_worker";
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly payload?: object;
  readonly occurred_at?: string;
}

/** A document as `khala.sink_batch` takes it. */
export interface Written {
  readonly doc_key: string;
  readonly doc_version: number;
  readonly payload: object;
  readonly org_id: string;
}

export class Database {
  readonly #client = new Client({ connectionString: ready().database });

  static async open(): Promise<Database> {
    const database = new Database();
    await database.#client.connect();
    return database;
  }

  close(): Promise<void> {
    return this.#client.end();
  }

  async query(sql: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]> {
    return (await this.#client.query(sql, parameters)).rows;
  }

  /** Appends events and projects their summaries, all in one transaction. */
  async ingest(events: readonly Event[]): Promise<void> {
    const owned = events.map((event) => ({ org_id: "dev", ...event }));
    await this.query("SELECT khala.ingest_events($1)", JSON.stringify(owned));
  }

  /** Writes summaries of runs without any run behind them. */
  async sink(documents: readonly Written[]): Promise<void> {
    const sql = "SELECT FROM khala.sink_batch('runtime.run_summaries', $1)";
    await this.query(sql, JSON.stringify(documents));
  }

  start(id: string, title: string): Promise<void> {
    return this.ingest([{ entity: "run", id, seq: 1, type: "run.started", payload: { title } }]);
  }

  progress(id: string, seq: number, line: string): Promise<void> {
    const payload = { lines: seq, last_line: line };
    return this.ingest([{ entity: "run", id, seq, type: "run.progress", payload }]);
  }

  /** Deletes runs, workers and flags, and tells it: the topics are empty for everybody. */
  async clear(): Promise<void> {
    await this.query("DELETE FROM runtime.flags");
    for (const topic of ["runtime.run_summaries", "runtime.codex_worker_summaries"]) {
      await this.query(
        `SELECT khala.sink_delete(topic, doc_key, doc_version + 1, org_id)
         FROM runtime.sync_documents WHERE topic = $1 AND NOT deleted`,
        topic,
      );
    }
  }

  /** Purges the journal of runs: cursors that are behind become stale. */
  async purge(): Promise<void> {
    await this.query(
      "SELECT khala.retain('runtime.run_summaries', p_horizon => '0', p_batch => 1000000)",
    );
  }
}
