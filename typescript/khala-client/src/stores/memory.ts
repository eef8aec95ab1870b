import type { KhalaStore } from "./store.js";

/** Keeps nothing: documents and watermarks last as long as the client does. */
export function memoryStore(): KhalaStore {
  return {
    load: async () => null,
    commit: async () => true,
    clear: async () => {},
    close: async () => {},
  };
}
