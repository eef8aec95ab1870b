/** expo-sqlite over SQLite in a file of the host: what the application calls of it. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Driver from "libsql";

const directory = mkdtempSync(join(tmpdir(), "khala-mobile-sqlite-"));

/** Connections that are open, the newest last. */
export const open: Connection[] = [];

type Row = Record<string, unknown>;

class Connection {
  readonly #driver: InstanceType<typeof Driver>;
  /** Called before each statement, where a test wants to end the process. */
  onStatement: ((sql: string) => void) | null = null;
  #isDead = false;

  constructor(name: string) {
    this.#driver = new Driver(join(directory, name), { timeout: 10_000 });
    open.push(this);
  }

  async getAllAsync(sql: string, parameters: (string | number | null)[]): Promise<Row[]> {
    this.onStatement?.(sql);
    if (this.#isDead) {
      // The process is gone: nobody ever answers.
      return new Promise(() => undefined);
    }
    const statement = this.#driver.prepare(sql);
    if (statement.reader) {
      return statement.all(...parameters) as Row[];
    }
    statement.run(...parameters);
    return [];
  }

  async closeAsync(): Promise<void> {
    if (!this.#isDead) {
      this.kill();
    }
  }

  /** The end of the process, in the middle of whatever it does. */
  kill(): void {
    this.#isDead = true;
    if (this.#driver.inTransaction) {
      // With a process its locks end; those of this driver last as long as the test's process.
      this.#driver.exec("ROLLBACK");
    }
    this.#driver.close();
  }
}

export type SQLiteDatabase = Connection;

export async function openDatabaseAsync(name: string): Promise<Connection> {
  return new Connection(name);
}
