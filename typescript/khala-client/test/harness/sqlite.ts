import Database from "libsql";
import { type KhalaStore, type SqliteRow, sqliteStore } from "../../src/index.js";

/** A store in a SQLite file, by a driver like better-sqlite3 and Node's own. */
export function openSqlite(path: string): KhalaStore {
  const database = new Database(path, { timeout: 10_000 });
  database.pragma("journal_mode = WAL");
  const store = sqliteStore((sql, parameters) => {
    const statement = database.prepare(sql);
    if (statement.reader) {
      return statement.all(...parameters) as SqliteRow[];
    }
    statement.run(...parameters);
    return [];
  });
  return {
    ...store,
    close: async () => {
      await store.close();
      database.close();
    },
  };
}
