/** The HTTP side of the server: snapshots, documents behind pointers, reasons of a refusal. */

import { type AnyKhalaError, asKhalaError, failure, KhalaError } from "../errors.js";
import { check, within } from "../host/timer.js";
import type { Query } from "../topics/subset.js";
import type { JsonObject } from "../types.js";
import type { SnapshotPage, Update } from "./serializer.js";
import { object, parse, readError, readSnapshotPage, readUpdate } from "./serializer.js";

export class HttpApi {
  readonly #baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #token: () => string;

  constructor(baseUrl: string, fetcher: typeof fetch, token: () => string) {
    this.#baseUrl = baseUrl;
    // Browsers' fetch refuses to be called as a method of something else.
    this.#fetch = (...request) => fetcher(...request);
    this.#token = token;
  }

  /** One page of a topic, or of the part that the query says. */
  async snapshotPage(topic: string, query: Query, signal: AbortSignal): Promise<SnapshotPage> {
    return readSnapshotPage(await this.#get("snapshot", [["topic", topic], ...query], signal));
  }

  /** A document as it is now, with its payload; null if it is gone or not visible to the token. */
  async document(topic: string, docKey: string, signal: AbortSignal): Promise<Update | null> {
    const query: Query = [
      ["topic", topic],
      ["doc_key", docKey],
    ];
    const body = await this.#get("documents", query, signal, true);
    return body === null ? null : readUpdate(body);
  }

  /**
   * The reason why the server refuses, null if it does not: a WebSocket shows none to a browser.
   * The document need not exist.
   */
  async refusal(signal: AbortSignal): Promise<AnyKhalaError | null> {
    try {
      await this.document("-", "-", signal);
      return null;
    } catch (error) {
      const refused = asKhalaError(error, "transport", "the server cannot be reached");
      // No token covers that topic: this error proves that the token was accepted.
      return refused.code === "forbidden_topic" ? null : refused;
    }
  }

  /** Names stand in the query: as a path, `..` would not survive URL parsers and proxies. */
  async #get(
    endpoint: string,
    query: Query,
    signal: AbortSignal,
    isOptional = false,
  ): Promise<unknown> {
    const pairs = query.map((pair) => pair.map(encodeURIComponent).join("="));
    const path = `${endpoint}?${pairs.join("&")}`;
    const { status, text, retryAfterMs } = await this.#fetchText(path, signal);
    if (status === 200) {
      return parse(text);
    }
    const said = text.startsWith("{") ? object([parse(text)], 0) : {};
    const body: JsonObject = { retry_after_ms: retryAfterMs, ...said };
    if (isOptional && status === 404 && body["code"] === "not_found") {
      return null;
    }
    if (body["code"] !== undefined) {
      throw readError(body);
    }
    if (status === 401) {
      throw failure("unauthorized", "the server refuses the token");
    }
    throw new KhalaError("transport", `GET ${path}: status ${status}`, {}, retryAfterMs);
  }

  async #fetchText(path: string, signal: AbortSignal) {
    const abort = new AbortController();
    const stop = () => abort.abort();
    signal.addEventListener("abort", stop);
    const request = async () => {
      check(signal);
      const response = await this.#fetch(`${this.#baseUrl}/api/sync/${path}`, {
        headers: { Authorization: `Bearer ${this.#token()}` },
        signal: abort.signal,
      });
      return {
        status: response.status,
        text: await response.text(),
        retryAfterMs: (Number(response.headers.get("Retry-After")) || 0) * 1000,
      };
    };
    try {
      return await within(request, "transport", "fetch");
    } catch (error) {
      throw failure("transport", `${this.#baseUrl} cannot be reached: ${error}`, error);
    } finally {
      stop();
      signal.removeEventListener("abort", stop);
    }
  }
}
