/** The session of a `khala dev` whose relay has no sessions of the page yet. */

import type { Session } from "./session";
import { isObject } from "./summary";

export async function readDevSession(): Promise<Session & { readonly token: string }> {
  const response = await fetch("/dev/session.json", { cache: "no-store" });
  const body: unknown = await response.json();
  const { ws, token, organisation } = isObject(body) ? body : {};
  if (typeof ws !== "string" || typeof token !== "string" || typeof organisation !== "string") {
    throw new Error("/dev/session.json is not a session");
  }
  const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const parsed: unknown = JSON.parse(atob(claims));
  const scopes = isObject(parsed) ? parsed["oa_sync_scopes"] : [];
  return {
    organisations: null,
    organisation,
    scopes: Array.isArray(scopes) ? scopes.map(String) : [],
    ws,
    token,
  };
}
