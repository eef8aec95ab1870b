/** A connection that is tried again, for topics of which no two have the same name. */

import { type AnyKhalaError, asKhalaError, failure } from "../errors.js";
import { isAway } from "../host/environment.js";
import { Observable } from "../host/observable.js";
import { Timer } from "../host/timer.js";
import type { Link } from "../topics/link.js";
import type { Topic } from "../topics/topic.js";
import type { KhalaStatus } from "../types.js";
import { Connection, type ConnectionOptions } from "./connection.js";

/** What the platform supplies to a connection. */
export type Platform = Pick<
  ConnectionOptions,
  "WebSocket" | "fetch" | "hash" | "lane" | "url" | "httpUrl"
>;

export interface LineOptions extends Pick<ConnectionOptions, "backoff" | "askToken" | "onError"> {
  /** Throws `usage` when there is a part missing. */
  readonly platform: () => Platform;
}

const LONGEST_AWAY_MS = 30_000;

export class Line {
  readonly topics = new Map<string, Topic>();
  readonly status = new Observable<KhalaStatus>({
    state: "disconnected",
    attempt: 0,
    retryAt: null,
    error: null,
  });
  /** Null: neither connected, disconnected nor subscribed yet. */
  isWanted: boolean | null = null;
  readonly #options: LineOptions;
  readonly #timer = new Timer();
  #connection: Connection | null = null;
  /** Changes with every try and every `disconnect`: work of an older turn is outdated. */
  #turn = 0;
  #attempt = 0;
  #refusedToken: string | null = null;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** The link for topics, while joined. */
  get link(): Link | null {
    return this.#connection?.link ?? null;
  }

  connect(): void {
    this.isWanted = true;
    this.#refusedToken = null;
    if (this.status.get().state === "error") {
      this.#attempt = 0;
    }
    this.wake(true);
  }

  disconnect(): void {
    this.isWanted = false;
    this.#turn++;
    this.#timer.stop();
    this.#connection?.close();
    this.#connection = null;
    this.status.patch({ state: "disconnected", attempt: 0, retryAt: null });
  }

  /** A topic has begun to be followed. */
  activated(): void {
    this.isWanted ??= true;
    const { state, retryAt } = this.status.get();
    if (state === "disconnected" && retryAt === null) {
      this.wake();
    }
  }

  /** A try may succeed now, or the connection may have ended without a word. */
  wake(isAsked = false): void {
    const { state } = this.status.get();
    if (this.#connection !== null) {
      this.#connection.probe();
    } else if (this.isWanted && (isAsked || (state !== "connecting" && state !== "error"))) {
      void this.#try();
    }
  }

  async #try(): Promise<void> {
    const turn = ++this.#turn;
    this.#timer.stop();
    this.status.patch({ state: "connecting", retryAt: null });
    let token: string | null;
    try {
      token = await this.#options.askToken();
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
      const known = this.status.get().error;
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
          ...this.#options,
          ...this.#options.platform(),
          topics: this.topics,
          onJoined: () => {
            this.status.patch({ state: "connected", error: null });
            if (!this.isFollowing()) {
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

  isFollowing(): boolean {
    return [...this.topics.values()].some((topic) => topic.isActive);
  }

  #succeeded(): void {
    this.#attempt = 0;
    this.status.patch({ attempt: 0 });
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
        this.#options.onError(error);
        this.status.patch({ state: "disconnected", attempt: 1, error });
        void this.#try();
        return;
      }
    }
    this.#retry(error);
  }

  #giveUp(error: AnyKhalaError): void {
    this.#options.onError(error);
    this.status.patch({ state: "error", error });
    for (const { waits } of this.topics.values()) {
      waits.fail(error);
    }
  }

  #retry(error: AnyKhalaError, state: "disconnected" | "needs-auth" = "disconnected"): void {
    const { onError, backoff } = this.#options;
    if (error !== this.status.get().error) {
      onError(error);
    }
    const wait = backoff(this.#attempt++, error.retryAfterMs);
    const delay = isAway() ? Math.max(wait, LONGEST_AWAY_MS) : wait;
    this.status.patch({ state, attempt: this.#attempt, retryAt: Date.now() + delay, error });
    this.#timer.start(delay, () => {
      void this.#try();
    });
  }
}
