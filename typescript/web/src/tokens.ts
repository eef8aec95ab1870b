/** Short-lived tokens of the session, one for each organisation that the page shows. */

import { errorOf, isSignedOut, post, SignedOutError } from "./session";
import { isObject } from "./summary";

interface Kept {
  readonly token: string;
  /** In milliseconds since 1970. */
  readonly until: number;
}

/** A token is replaced when less than this share of its life is left. */
const LEAST_LEFT = 0.2;

const kept = new Map<string, Kept>();
const requests = new Map<string, Promise<string>>();

/** A token that is valid for a while. organisation: empty for reading of administrators only. */
export function tokenFor(organisation: string): Promise<string> {
  const found = kept.get(organisation);
  return found !== undefined && Date.now() < found.until
    ? Promise.resolve(found.token)
    : newToken(organisation);
}

/** Sends a request with a token, and again with a new one if the server does not accept it. */
export async function authorized(
  organisation: string,
  send: (token: string) => Promise<Response>,
): Promise<Response> {
  const response = await send(await tokenFor(organisation));
  // A server that was restarted may have other keys.
  return response.status === 401 ? send(await newToken(organisation)) : response;
}

/** Forgets a token that the server did not accept. */
export function forgetToken(organisation: string): void {
  kept.delete(organisation);
}

/** A token that the server signs now. Throws SignedOutError when the session has ended. */
export function newToken(organisation: string): Promise<string> {
  let request = requests.get(organisation);
  if (request === undefined) {
    request = requestToken(organisation).finally(() => requests.delete(organisation));
    requests.set(organisation, request);
  }
  return request;
}

async function requestToken(organisation: string): Promise<string> {
  const at = Date.now();
  const response = await post("/api/page/token", { org_id: organisation || null });
  if (response.status === 401) {
    kept.clear();
    isSignedOut.set(true);
    throw new SignedOutError(await errorOf(response));
  }
  if (!response.ok) {
    throw new Error(await errorOf(response));
  }
  const body: unknown = await response.json();
  const { token, expires_in: seconds } = isObject(body) ? body : {};
  if (typeof token !== "string" || typeof seconds !== "number") {
    throw new Error("the server's response is not a token");
  }
  isSignedOut.set(false);
  kept.set(organisation, { token, until: at + seconds * 1000 * (1 - LEAST_LEFT) });
  return token;
}
