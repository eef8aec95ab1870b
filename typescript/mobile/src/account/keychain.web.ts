/** The place where a browser keeps the account: until the tab is closed. No script of another origin
 * reads it, but a browser has no place that is as safe as a device's keychain. */

import { type Account, readAccount, writeAccount } from "./account";

const NAME = "khala.account";

/** The account that is signed in; null for none. */
export async function loadAccount(): Promise<Account | null> {
  return readAccount(sessionStorage.getItem(NAME));
}

/** Keeps the account; null: forgets it. */
export async function saveAccount(account: Account | null): Promise<void> {
  if (account === null) {
    sessionStorage.removeItem(NAME);
  } else {
    sessionStorage.setItem(NAME, writeAccount(account));
  }
}
