/** The database of the tests: events of workers, as their writers append them. */

import { Client } from "pg";
import { ready } from "./khala-dev";

const TOPIC = "runtime.codex_worker_summaries";
const RUNS = "runtime.run_summaries";

export interface Event {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly payload?: object;
  /** Of a worker by default. */
  readonly entity?: "codex_worker" | "run";
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
  async ingest(...events: readonly Event[]): Promise<void> {
    const owned = events.map((event) => ({ entity: "codex_worker", org_id: "dev", ...event }));
    await this.query("SELECT khala.ingest_events($1)", JSON.stringify(owned));
  }

  /** A worker that has started and sent a heartbeat: two events. */
  start(id: string, payload: object = {}): Promise<void> {
    return this.ingest(
      { id, seq: 1, type: "worker.started", payload },
      { id, seq: 2, type: "worker.heartbeat" },
    );
  }

  /** An event that the server numbers. */
  async append(id: string, type: string, payload: object = {}): Promise<void> {
    const sql = "SELECT FROM khala.append_codex_worker_event($1, $2, $3)";
    await this.query(sql, id, type, JSON.stringify(payload));
  }

  /** An event of a run, which its writer numbers. */
  run(id: string, seq: number, type: string, payload: object = {}): Promise<void> {
    return this.ingest({ entity: "run", id, seq, type: `run.${type}`, payload });
  }

  /** Removes the workers, the runs and the flags of earlier tests for everybody. */
  async clear(): Promise<void> {
    await this.query("DELETE FROM runtime.flags");
    await this.query(
      `SELECT khala.sink_delete(topic, doc_key, doc_version + 1, org_id)
       FROM runtime.sync_documents WHERE topic = ANY ($1) AND NOT deleted`,
      [TOPIC, RUNS],
    );
  }

  /** Purges the journal: cursors that are behind become stale. */
  async purge(): Promise<void> {
    await this.query("SELECT khala.retain($1, p_horizon => '0', p_batch => 1000000)", TOPIC);
  }

  /** The number of events of a type that a worker has. */
  async count(id: string, type: string): Promise<number> {
    const [row] = await this.query(
      "SELECT count(*)::int AS n FROM runtime.codex_worker_events WHERE id = $1 AND event_type = $2",
      id,
      type,
    );
    return Number(row?.["n"]);
  }
}
