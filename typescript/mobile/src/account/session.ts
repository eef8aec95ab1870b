/** Signed in: tokens for the account's key, and requests that carry them. */

import type { JsonObject } from "khala-client";
import { Observable } from "khala-client/host/observable";
import { list, moment, readObject, text } from "../json";
import type { Account } from "./account";
import { ServerClock, steady } from "./clock";

/** The longest that a response may take. */
const LIMIT_MS = 10_000;

/** A request without the response that was wanted. status: 0 when no response came. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

export interface Response {
  readonly status: number;
  readonly body: JsonObject;
  readonly etag: string;
}

export interface Request {
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of a POST; without it the request is a GET. */
  readonly post?: JsonObject;
  readonly signal?: AbortSignal;
}

export class Session {
  readonly clock = new ServerClock();
  /** Why the key is refused; null while it is not. */
  readonly refused = new Observable<string | null>(null);
  #token: string | null = null;
  #renewing: Promise<string | null> | null = null;

  constructor(readonly account: Account) {}

  /** Another token for the key; null when the server refuses the key. */
  readonly renew = (): Promise<string | null> => {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  };

  /** Sends a request with a token. Throws RequestError. */
  request(path: string, request: Request = {}): Promise<Response> {
    return this.authorised((token) => send(this.account.http, path, token, request));
  }

  /**
   * Calls `use` with a token. Whether the token is still valid is for the server to say, not for this
   * device's clock: a refused one is renewed once. Throws RequestError.
   */
  async authorised<T>(use: (token: string) => Promise<T>): Promise<T> {
    const token = this.#token ?? (await this.renew());
    if (token !== null) {
      try {
        return await use(token);
      } catch (error) {
        if (!(error instanceof RequestError && error.status === 401)) {
          throw error;
        }
      }
    }
    const other = token === null ? null : await this.renew();
    if (other === null) {
      throw new RequestError(401, "unauthorized", this.refused.get() ?? "The key is refused.");
    }
    return use(other);
  }

  async #renew(): Promise<string | null> {
    try {
      const { token, at, sentAt, org } = await exchange(this.account.http, this.account.key);
      if (org !== this.account.org) {
        // Its documents must not come into this account's store.
        const [other, own] = [org || "none", this.account.org];
        throw new RequestError(
          401,
          "unauthorized",
          `The server says that the key is for the organisation ${other}, not ${own}: sign in again.`,
        );
      }
      this.#token = token;
      this.clock.sync(at, sentAt);
      this.refused.set(null);
      return token;
    } catch (error) {
      if (error instanceof RequestError && error.status === 401) {
        this.#token = null;
        this.refused.set(error.message);
        return null;
      }
      throw error;
    }
  }
}

/** Signs in with a key: the account that it is for. Throws RequestError. */
export async function signIn(
  addresses: Pick<Account, "ws" | "http">,
  key: string,
): Promise<Account> {
  const { org, subject, scopes } = await exchange(addresses.http, key);
  return { ...addresses, key, org, subject, scopes };
}

async function exchange(http: string, key: string) {
  const sentAt = steady();
  const { body } = await send(http, "/api/sync/token", key, { post: {} });
  const data = readObject(JSON.stringify(body["data"] ?? {}));
  const token = text(data, "token");
  const at = moment(data, "issued_at");
  if (token === "" || at === null) {
    throw new RequestError(200, "protocol", `${http} is no relay of Khala: it issues no token.`);
  }
  const scopes = list(data, "scopes").filter((each) => typeof each === "string");
  return { token, at, sentAt, org: text(data, "org_id"), subject: text(data, "subject"), scopes };
}

async function send(
  http: string,
  path: string,
  bearer: string,
  { headers, post, signal }: Request,
): Promise<Response> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = setTimeout(stop, LIMIT_MS);
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(`${http}${path}`, {
      ...(post && { method: "POST", body: JSON.stringify(post) }),
      headers: {
        Authorization: `Bearer ${bearer}`,
        ...(post && { "Content-Type": "application/json" }),
        ...headers,
      },
      cache: "no-store",
      signal: abort.signal,
    });
    const body = readObject(await response.text());
    if (response.ok || response.status === 304) {
      return { status: response.status, body, etag: response.headers.get("ETag") ?? "" };
    }
    throw refusal(response.status, body, Number(response.headers.get("Retry-After")) * 1000);
  } catch (error) {
    if (error instanceof RequestError) {
      throw error;
    }
    throw new RequestError(0, "transport", `${http} cannot be reached.`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function refusal(status: number, body: JsonObject, retryAfterMs: number): RequestError {
  const nested = readObject(JSON.stringify(body["error"] ?? {}));
  const said = { ...body, ...nested };
  const message = text(said, "message") || `The server responded with ${status}.`;
  const hint = text(said, "hint");
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  return new RequestError(
    status,
    text(said, "code"),
    `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${hint && ` ${hint}`}`,
    retryAfterMs,
  );
}
