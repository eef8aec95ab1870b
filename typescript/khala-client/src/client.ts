/** The client: keeps a connection as long as a topic has subscribers. */

import { type AnyKhalaError, asKhalaError, failure } from "./errors.js";
import { isAway, watchEnvironment } from "./host/environment.js";
import { call, Observable, type Unsubscribe } from "./host/observable.js";
import { makeBackoff, Timer, within } from "./host/timer.js";
import { memoryStore } from "./stores/memory.js";
import { limited } from "./stores/store.js";
import { hasher } from "./topics/hash.js";
import { type KhalaTopic, Topic } from "./topics/topic.js";
import type {
  JsonObject,
  KhalaClientOptions,
  KhalaStatus,
  WaitOptions,
  WebSocketClass,
} from "./types.js";
import { Connection } from "./wire/connection.js";

/** Follows topics. Its methods need no `this`. */
export interface KhalaClient {
  /** A topic by its name; the same object for the same name. */
  readonly topic: <T = JsonObject>(name: string) => KhalaTopic<T>;
  /** The state of the client; the same object until something changes. */
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

/** Makes a client. Throws `usage` when an option is missing. */
export function createKhalaClient(options: KhalaClientOptions): KhalaClient {
  return new Client(options);
}

const LONGEST_AWAY_MS = 30_000;

class Client implements KhalaClient {
  readonly #options: KhalaClientOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #status = new Observable<KhalaStatus>({
    state: "disconnected",
    attempt: 0,
    retryAt: null,
    error: null,
  });
  readonly #timer = new Timer();
  readonly #backoff;
  readonly #store;
  readonly #platform;
  readonly #unwatch: () => void;
  #connection: Connection | null = null;
  /** Changes with every try and every `disconnect`: work of an older turn is outdated. */
  #turn = 0;
  #attempt = 0;
  #refusedToken: string | null = null;
  /** Null: neither connected, disconnected nor subscribed yet. */
  #isWanted: boolean | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: KhalaClientOptions) {
    this.#options = options;
    this.#platform = platformOf(options);
    this.#backoff = makeBackoff(options.backoff);
    this.#store = limited(options.store ?? memoryStore());
    this.#unwatch = watchEnvironment(
      () => this.#wake(),
      () => {
        this.flush().catch(this.#onError);
      },
    );
  }

  readonly topic = <T = JsonObject>(name: string): KhalaTopic<T> => {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      const { saveEveryMs = 200 } = this.#options;
      topic = new Topic(
        name,
        { ...this.#options, store: this.#store, saveEveryMs, onError: this.#onError },
        () => this.#activated(topic as Topic),
      );
      topic.connect(this.#connection?.link ?? null);
      this.#topics.set(name, topic);
    }
    // The shape of a payload is agreed between the program and the publisher.
    return topic as unknown as KhalaTopic<T>;
  };

  readonly getStatus = this.#status.get;

  readonly onStatus = this.#status.subscribe;

  readonly connect = (): void => {
    if (this.#closing !== null) {
      throw failure("usage", "the client is closed: create another");
    }
    this.#isWanted = true;
    this.#refusedToken = null;
    if (this.getStatus().state === "error") {
      this.#attempt = 0;
    }
    this.#wake(true);
  };

  readonly disconnect = (): void => {
    this.#isWanted = false;
    this.#turn++;
    this.#timer.stop();
    this.#connection?.close();
    this.#connection = null;
    this.#status.patch({ state: "disconnected", attempt: 0, retryAt: null });
  };

  readonly sync = async (options: WaitOptions = {}): Promise<void> => {
    const followed = [...this.#topics.values()].filter(({ isActive }) => isActive);
    await Promise.all(followed.map((topic) => topic.sync(options)));
  };

  readonly flush = async (): Promise<void> => {
    await Promise.all(Array.from(this.#topics.values(), (topic) => topic.saver.flush()));
  };

  readonly close = (): Promise<void> => {
    this.#closing ??= this.#close();
    return this.#closing;
  };

  readonly #onError = (error: AnyKhalaError): void => {
    call(this.#options.onError ?? (() => {}), error);
  };

  #activated(topic: Topic): void {
    this.#isWanted ??= true;
    const { state, retryAt, error } = this.getStatus();
    if (this.#closing !== null) {
      topic.waits.fail(closed());
    } else if (state === "error" && error !== null) {
      topic.waits.fail(error);
    }
    if (state === "disconnected" && retryAt === null) {
      this.#wake();
    }
  }

  async #close(): Promise<void> {
    this.disconnect();
    this.#fail(closed());
    this.#unwatch();
    try {
      await this.flush();
    } finally {
      for (const { saver } of this.#topics.values()) {
        saver.stop();
      }
      await this.#store.close();
    }
  }

  #wake(isAsked = false): void {
    const { state } = this.getStatus();
    if (this.#connection !== null) {
      this.#connection.probe();
    } else if (this.#isWanted && (isAsked || (state !== "connecting" && state !== "error"))) {
      void this.#try();
    }
  }

  async #try(): Promise<void> {
    const turn = ++this.#turn;
    this.#timer.stop();
    this.#status.patch({ state: "connecting", retryAt: null });
    let token: string | null;
    try {
      token = await this.#askToken();
    } catch (error) {
      if (turn === this.#turn) {
        this.#retry(asKhalaError(error, "transport", "the token provider failed"));
      }
      return;
    }
    if (turn !== this.#turn) {
      return;
    }
    if (token === null || token === this.#refusedToken) {
      const known = this.getStatus().error;
      const error =
        known?.code === "unauthorized"
          ? known
          : failure("unauthorized", "token: the provider has none");
      this.#retry(error, "needs-auth");
      return;
    }
    this.#open(token);
  }

  #open(token: string): void {
    try {
      this.#connection = new Connection(
        {
          ...this.#platform,
          backoff: this.#backoff,
          topics: this.#topics,
          askToken: () => this.#askToken(),
          onError: this.#onError,
          onJoined: () => {
            this.#status.patch({ state: "connected", error: null });
            if (![...this.#topics.values()].some((topic) => topic.isActive)) {
              this.#succeeded();
            }
          },
          onLive: () => this.#succeeded(),
          onEnd: (error, lastToken) => this.#ended(error, lastToken),
        },
        token,
      );
    } catch (error) {
      this.#giveUp(failure("usage", `url: no WebSocket: ${error}`, error));
    }
  }

  #succeeded(): void {
    this.#attempt = 0;
    this.#status.patch({ attempt: 0 });
  }

  #ended(error: AnyKhalaError, token: string): void {
    this.#connection = null;
    if (error.code === "forbidden_topic") {
      this.#giveUp(error);
      return;
    }
    if (error.code === "unauthorized") {
      this.#refusedToken = token;
      if (this.#attempt === 0) {
        // The first new token is tried at once; after a second refusal the client waits.
        this.#attempt = 1;
        this.#onError(error);
        this.#status.patch({ state: "disconnected", attempt: 1, error });
        void this.#try();
        return;
      }
    }
    this.#retry(error);
  }

  #giveUp(error: AnyKhalaError): void {
    this.#onError(error);
    this.#status.patch({ state: "error", error });
    this.#fail(error);
  }

  #fail(error: AnyKhalaError): void {
    for (const { waits } of this.#topics.values()) {
      waits.fail(error);
    }
  }

  #retry(error: AnyKhalaError, state: "disconnected" | "needs-auth" = "disconnected"): void {
    if (error !== this.getStatus().error) {
      this.#onError(error);
    }
    const wait = this.#backoff(this.#attempt++, error.retryAfterMs);
    const delay = isAway() ? Math.max(wait, LONGEST_AWAY_MS) : wait;
    this.#status.patch({ state, attempt: this.#attempt, retryAt: Date.now() + delay, error });
    this.#timer.start(delay, () => {
      void this.#try();
    });
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
function platformOf(options: KhalaClientOptions) {
  const { url, WebSocket = globalThis.WebSocket as WebSocketClass | undefined } = options;
  const { fetch = globalThis.fetch, sha256, lane } = options;
  if (WebSocket === undefined) {
    throw failure("usage", "WebSocket: none on this platform: pass that of the package ws");
  }
  const absolute = url.startsWith("/") ? new URL(url, globalThis.location.href).href : url;
  const query = `${absolute.includes("?") ? "&" : "?"}vsn=2.0.0${lane?.query ?? ""}`;
  const wsUrl = absolute.replace(/^http/, "ws") + query;
  const origin = absolute.replace(/^ws/, "http").replace(/\/(socket|sync)\/websocket\b.*$/, "");
  const httpUrl = (options.httpUrl ?? origin).replace(/\/+$/, "");
  return { WebSocket, fetch, hash: hasher(sha256), lane, url: wsUrl, httpUrl };
}
