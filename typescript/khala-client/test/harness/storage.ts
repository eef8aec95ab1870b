import type { KeyValueStorage } from "../../src/index.js";

/** A storage of texts by key that answers later, as AsyncStorage does. */
export function mapStorage(values = new Map<string, string>()): KeyValueStorage {
  return {
    getItem: async (key) => values.get(key) ?? null,
    setItem: async (key, value) => {
      values.set(key, value);
    },
    removeItem: async (key) => {
      values.delete(key);
    },
  };
}
