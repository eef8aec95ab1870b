/** The store of an account on a device: a SQLite database of its own. */

import { openDatabaseAsync, type SQLiteDatabase } from "expo-sqlite";
import { type KhalaStore, type SqliteRow, sqliteStore } from "khala-client";

/** Opens the store of this name, which contains the account. */
export function openStore(name: string): KhalaStore {
  let opening: Promise<SQLiteDatabase> | null = null;
  const database = (): Promise<SQLiteDatabase> => {
    opening ??= openDatabaseAsync(`${name}.db`, { useNewConnection: true }).catch((error) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const store = sqliteStore(async (sql, parameters) =>
    (await database()).getAllAsync<SqliteRow>(sql, [...parameters]),
  );
  return {
    ...store,
    close: async () => {
      await store.close();
      const opened = opening;
      opening = null;
      await (await opened)?.closeAsync();
    },
  };
}
