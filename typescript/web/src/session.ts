/** The account that the page signs in with. */

import { isObject } from "./summary";

export interface Session {
  readonly ws: string;
  readonly token: string;
  readonly organisation: string;
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
  return { ws, token, organisation };
}
