/** The store of an account in a browser. */

import { indexedDbStore, type KhalaStore } from "khala-client";

/** Opens the store of this name, which contains the account. */
export function openStore(name: string): KhalaStore {
  return indexedDbStore({ name });
}
