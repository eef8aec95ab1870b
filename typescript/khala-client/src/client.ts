/** The client: its topics, and the connections that serve them as long as they have subscribers. */

import { type AnyKhalaError, failure } from "./errors.js";
import { watchEnvironment } from "./host/environment.js";
import { call, type Unsubscribe } from "./host/observable.js";
import { makeBackoff, within } from "./host/timer.js";
import { memoryStore } from "./stores/memory.js";
import { limited } from "./stores/store.js";
import { storeOf } from "./stores/subset.js";
import { hasher } from "./topics/hash.js";
import { KnownTopics } from "./topics/known-topics.js";
import type { TopicByName } from "./topics/names.js";
import { subsetOf } from "./topics/subset.js";
import { type KhalaTopic, Topic } from "./topics/topic.js";
import type {
  KhalaClientOptions,
  KhalaStatus,
  TopicFilter,
  WaitOptions,
  WebSocketClass,
} from "./types.js";
import type { Platform } from "./wire/line.js";
import { Lines } from "./wire/lines.js";

/** Follows topics. Its methods need no `this`. */
export interface KhalaClient {
  readonly topic: TopicByName;
  /** The state of the client, and of its first connection; the same object until something changes. */
  readonly getStatus: () => KhalaStatus;
  readonly onStatus: (listener: (status: KhalaStatus) => void) => Unsubscribe;
  /**
   * Connects now, without waiting, with a token that the provider is asked for anew; when
   * connected, probes whether the connection still works. The first subscription connects by itself.
   */
  readonly connect: () => void;
  /** Ends the connection until `connect`. Documents stay. */
  readonly disconnect: () => void;
  /**
   * Resolves when every topic that is followed shows what the server had at this moment. Rejects with
   * `timeout`, `aborted`, or the error that ended a topic.
   */
  readonly sync: (options?: WaitOptions) => Promise<void>;
  /** Saves everything seen so far. Rejects with `store` when that fails. */
  readonly flush: () => Promise<void>;
  /** Disconnects, saves and closes the store, for good. Rejects as `flush` does. */
  readonly close: () => Promise<void>;
}

/**
 * Makes a client. Nothing happens before the first subscription or `connect`, so that a server can
 * render with it; those throw `usage` when the platform lacks a part that is no option either.
 */
export function createKhalaClient(options: KhalaClientOptions): KhalaClient {
  return new Client(options);
}

class Client implements KhalaClient {
  readonly #options: KhalaClientOptions;
  readonly #topics = new KnownTopics();
  readonly #store;
  readonly #lines: Lines;
  #platform: Platform | null = null;
  #unwatch: (() => void) | null = null;
  #closing: Promise<void> | null = null;
  #warned = "";
  readonly getStatus: () => KhalaStatus;
  readonly onStatus: (listener: (status: KhalaStatus) => void) => Unsubscribe;

  constructor(options: KhalaClientOptions) {
    this.#options = options;
    this.#lines = new Lines({
      platform: () => this.#begin(),
      backoff: makeBackoff(options.backoff),
      askToken: () => this.#askToken(),
      onError: this.#onError,
    });
    ({ get: this.getStatus, subscribe: this.onStatus } = this.#lines.first.status);
    this.#store = limited(options.store ?? memoryStore());
  }

  readonly topic: TopicByName = (name: string, filter?: TopicFilter): KhalaTopic<never> => {
    const subset = subsetOf(name, filter);
    const id = JSON.stringify([name, subset.canonical]);
    let topic = this.#topics.get(id);
    if (topic === undefined) {
      const { saveEveryMs = 200 } = this.#options;
      topic = new Topic(subset, {
        client: this,
        ...this.#options,
        store: storeOf(this.#store, subset, (text) => this.#begin().hash(text)),
        saveEveryMs,
        onError: this.#onError,
        onActivate: () => this.#closing === null && Boolean(this.#begin()),
        onActive: (active) => this.#lines.add(active),
        onRest: () => this.#lines.rest(),
        refusal: (wanted) => (this.#closing === null ? this.#lines.refusal(wanted) : closed()),
      });
      this.#topics.add(id, topic);
    }
    // The shape of a payload is agreed between the program and the publisher.
    return topic as unknown as KhalaTopic<never>;
  };

  readonly connect = (): void => {
    if (this.#closing !== null) {
      throw failure("usage", "the client is closed: create another");
    }
    this.#begin();
    this.#lines.connect();
  };

  readonly disconnect = (): void => {
    this.#lines.disconnect();
  };

  readonly sync = async (options: WaitOptions = {}): Promise<void> => {
    if (this.#closing !== null) {
      throw closed();
    }
    const followed = this.#topics.all().filter(({ isActive }) => isActive);
    await Promise.all(followed.map((topic) => topic.sync(options)));
  };

  readonly flush = async (): Promise<void> => {
    await Promise.all(this.#topics.all().map((topic) => topic.saver.flush()));
  };

  readonly close = (): Promise<void> => {
    this.#closing ??= this.#close();
    return this.#closing;
  };

  readonly #onError = (error: AnyKhalaError): void => {
    call(this.#options.onError ?? this.#warn, error);
  };

  /** A page that shows nothing is a riddle to whoever has just written it. Not at each try again. */
  readonly #warn = ({ message }: AnyKhalaError): void => {
    if (message !== this.#warned && this.#closing === null) {
      this.#warned = message;
      // biome-ignore lint/suspicious/noConsole: a program that wants it elsewhere passes `onError`
      console.warn(`khala: ${message}`);
    }
  };

  /** Once: finds what the platform supplies, and listens to its events. */
  #begin(): Platform {
    this.#platform ??= platformOf(this.#options);
    this.#unwatch ??= watchEnvironment(
      () => this.#lines.wake(),
      () => {
        this.flush().catch(this.#onError);
      },
    );
    return this.#platform;
  }

  async #close(): Promise<void> {
    this.disconnect();
    for (const topic of this.#topics.all()) {
      topic.rest();
      topic.waits.fail(closed());
    }
    this.#unwatch?.();
    try {
      await this.flush();
    } finally {
      for (const { saver } of this.#topics.all()) {
        saver.stop();
      }
      await this.#store.close();
    }
  }

  async #askToken(): Promise<string | null> {
    const { token } = this.#options;
    return typeof token === "string" ? token : (await within(token, "transport", "token")) || null;
  }
}

function closed(): AnyKhalaError {
  return failure("aborted", "the client is closed");
}

/** The platform's parts, or those of the options. Throws `usage` when one is missing. */
function platformOf(options: KhalaClientOptions): Platform {
  const { url, WebSocket = globalThis.WebSocket as WebSocketClass | undefined } = options;
  const { fetch = globalThis.fetch, sha256, lane } = options;
  if (WebSocket === undefined) {
    throw failure("usage", "WebSocket: none on this platform: pass that of the package ws");
  }
  const page = globalThis.location?.href;
  if (url.startsWith("/") && page === undefined) {
    throw failure("usage", `url: ${url} is a path, and there is no page: add wss:// and a host`);
  }
  const absolute = url.startsWith("/") ? new URL(url, page).href : url;
  const query = `${absolute.includes("?") ? "&" : "?"}vsn=2.0.0${lane?.query ?? ""}`;
  const wsUrl = absolute.replace(/^http/, "ws") + query;
  const origin = absolute.replace(/^ws/, "http").replace(/\/(socket|sync)\/websocket\b.*$/, "");
  const httpUrl = (options.httpUrl ?? origin).replace(/\/+$/, "");
  return { WebSocket, fetch, hash: hasher(sha256), lane, url: wsUrl, httpUrl };
}
