/** The account that the page signs in with. */

import { isObject } from "./summary";

export interface Session {
  readonly ws: string;
  readonly token: string;
  readonly organisation: string;
  /** What the token is for, by its own word: the server decides. */
  readonly scopes: readonly string[];
}

/** The session that `khala dev` gives its own page. Throws when there is none. */
export async function readSession(): Promise<Session> {
  const response = await fetch("/dev/session.json", { cache: "no-store" });
  if (!response.ok) {
    throw new Error(`/dev/session.json: the server responded with ${response.status}`);
  }
  const body: unknown = await response.json();
  const { ws, token, organisation } = isObject(body) ? body : {};
  if (typeof ws !== "string" || typeof token !== "string" || typeof organisation !== "string") {
    throw new Error("/dev/session.json is not a session");
  }
  return { ws, token, organisation, scopes: scopesOf(token) };
}

function scopesOf(token: string): readonly string[] {
  const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(claims), (each) => each.charCodeAt(0));
  const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const scopes = isObject(body) ? body["oa_sync_scopes"] : [];
  return Array.isArray(scopes) ? scopes.filter((each) => typeof each === "string") : [];
}
