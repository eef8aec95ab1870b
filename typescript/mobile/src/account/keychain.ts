/** The place where a device keeps its account: Keychain or Keystore. */

import { deleteItemAsync, getItemAsync, setItemAsync } from "expo-secure-store";
import { type Account, readAccount, writeAccount } from "./account";

const NAME = "khala.account";

/** The account that is signed in; null for none. */
export async function loadAccount(): Promise<Account | null> {
  return readAccount(await getItemAsync(NAME));
}

/** Keeps the account; null: forgets it. */
export async function saveAccount(account: Account | null): Promise<void> {
  await (account === null ? deleteItemAsync(NAME) : setItemAsync(NAME, writeAccount(account)));
}
