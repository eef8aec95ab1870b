/** Who the page is signed in as: the session that a one-time link of `khala page` begins. */

import { Observable } from "khala-client/host/observable";
import { isObject } from "./summary";

export interface Session {
  /** Those that it may show; null: any. */
  readonly organisations: readonly string[] | null;
  /** The one that is shown first; empty: there is none yet. */
  readonly organisation: string;
  readonly scopes: readonly string[];
  /** Address of the WebSocket. */
  readonly ws: string;
}

/** There is no session: none began, or it has ended. */
export class SignedOutError extends Error {}

/** Whether the session has ended while the page was open. */
export const isSignedOut = new Observable(false);

/** The session of this browser. Throws SignedOutError when there is none. */
export async function readSession(): Promise<Session> {
  return sessionOf(await fetch("/api/page/session", { cache: "no-store" }));
}

/** Begins a session with the code of a link. Throws SignedOutError when the code is not valid. */
export async function signIn(code: string): Promise<Session> {
  return sessionOf(await post("/api/page/sign-in", { code }));
}

export async function signOut(): Promise<void> {
  await post("/api/page/sign-out", {});
}

/** Sends a request of this session. The cookie goes with it. */
export function post(path: string, body: object): Promise<Response> {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
  });
}

/** The error that a response of the server carries. */
export async function errorOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const fields = isObject(body) ? body : {};
  const error = isObject(fields["error"]) ? fields["error"] : fields;
  const words = [error["message"], error["hint"]].filter((each) => typeof each === "string");
  return words.join(". ") || `the server responded with ${response.status}`;
}

async function sessionOf(response: Response): Promise<Session> {
  if (response.status === 401) {
    throw new SignedOutError(await errorOf(response));
  }
  if (!response.ok) {
    throw new Error(await errorOf(response));
  }
  const body: unknown = await response.json();
  const { organisations, organisation, scopes, ws } = isObject(body) ? body : {};
  if (typeof ws !== "string" || !Array.isArray(scopes)) {
    throw new Error("the server's response is not a session");
  }
  return {
    organisations: Array.isArray(organisations) ? organisations.map(String) : null,
    organisation: typeof organisation === "string" ? organisation : "",
    scopes: scopes.map(String),
    ws,
  };
}
