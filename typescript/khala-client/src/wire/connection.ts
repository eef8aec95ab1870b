/** One connection: socket, channel, token, and the messages for the topics. */

import { type AnyKhalaError, asKhalaError, failure, KhalaError } from "../errors.js";
import { type Backoff, Timer } from "../host/timer.js";
import type { Hash } from "../topics/hash.js";
import type { Link } from "../topics/link.js";
import type { Topic } from "../topics/topic.js";
import type { JsonObject, Lane, WebSocketClass } from "../types.js";
import { Channel } from "./channel.js";
import { HttpApi } from "./http.js";
import { type Frame, readBatch, readError, watermarks } from "./serializer.js";
import { CLOSE, Socket, type SocketEnd } from "./socket.js";
import { organisationOf, readerOf } from "./token.js";

export interface ConnectionOptions {
  readonly WebSocket: WebSocketClass;
  readonly fetch: typeof fetch;
  readonly hash: Hash;
  readonly lane: Lane | undefined;
  readonly url: string;
  readonly httpUrl: string;
  readonly backoff: Backoff;
  readonly topics: ReadonlyMap<string, Topic>;
  readonly askToken: () => Promise<string | null>;
  readonly onError: (error: AnyKhalaError) => void;
  readonly onJoined: () => void;
  readonly onLive: () => void;
  /** Called once, with the reason and the token that was in use. */
  readonly onEnd: (error: AnyKhalaError, token: string) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #abort = new AbortController();
  readonly #refresh = new Timer();
  readonly #channel: Channel;
  readonly #socket: Socket;
  readonly #http: HttpApi;
  /** The link for topics, once joined. */
  link: Link | null = null;
  #token: string;
  /** What the token covers, as the server says. */
  #scopes: readonly string[] = [];
  /** The reason why the channel ended, known before the socket closes. */
  #told: AnyKhalaError | null = null;

  /** Throws as the WebSocket class does for an invalid URL. */
  constructor(options: ConnectionOptions, token: string) {
    this.#options = options;
    this.#token = token;
    this.#http = new HttpApi(options.httpUrl, options.fetch, () => this.#token);
    this.#channel = new Channel(
      (text) => this.#socket.send(text),
      (frame) => this.#handle(frame),
      options.lane?.decode,
    );
    this.#socket = new Socket(options.WebSocket, options.url, token, {
      onOpen: () => this.#channel.join((response, error) => this.#joined(response, error)),
      onMessage: (data) => this.#receive(data),
      onEnd: (end) => {
        void this.#ended(end);
      },
    });
  }

  /** Finds out soon whether the server is still reachable. */
  probe(): void {
    this.#socket.probe();
  }

  /** Closes for good: `onEnd` is not called. */
  close(): void {
    this.#abort.abort();
    this.#socket.close();
  }

  #receive(data: unknown): void {
    try {
      this.#channel.receive(data);
    } catch (error) {
      this.#giveUp(asKhalaError(error, "transport", "a message failed"));
    }
  }

  #giveUp(error: AnyKhalaError): void {
    this.#told = error;
    this.#socket.abandon(error.message);
  }

  #joined(response: JsonObject, error: AnyKhalaError | null): void {
    if (error !== null) {
      this.#giveUp(error);
      return;
    }
    this.#socket.watch(Number(response["heartbeat_interval_ms"]) || 15_000);
    this.#scheduleRefresh(response["token_expires_at"]);
    this.#scopes = scopesIn(response);
    this.#options.onJoined();
    this.link = {
      ...this.#options,
      http: this.#http,
      readerOf: (topic) => readerOf(organisationOf(this.#token), this.#scopes, topic),
      push: (...request) => this.#channel.push(...request),
    };
    this.#connect(this.link);
  }

  #connect(link: Link | null): void {
    for (const topic of this.#options.topics.values()) {
      topic.connect(link);
    }
  }

  #handle({ event, payload, batch: read }: Frame): void {
    const { topics } = this.#options;
    switch (event) {
      case "sync:update_batch": {
        const batch = read ?? readBatch(payload);
        for (const name of new Set([...batch.covered.keys(), ...batch.heads.keys()])) {
          topics.get(name)?.take(batch);
        }
        break;
      }
      case "sync:heartbeat":
        for (const [name, watermark] of watermarks(payload, "watermarks")) {
          topics.get(name)?.cover(watermark);
        }
        break;
      case "sync:error":
        this.#refused(readError(payload));
        break;
      case "phx_error":
      case "phx_close":
        this.#told ??= failure("transport", `the server ended the channel (${event})`);
        // The server may end a channel and keep the socket: closed here.
        this.#socket.abandon(event);
    }
  }

  #refused(error: AnyKhalaError): void {
    const named = "topics" in error.details ? error.details.topics : [];
    const topics = named.flatMap(
      (each) => this.#options.topics.get(typeof each === "string" ? each : each.topic) ?? [],
    );
    for (const topic of topics) {
      topic.refuse(error);
    }
    if (topics.length > 0) {
      return;
    }
    switch (error.code) {
      case "stale_cursor":
      case "forbidden_topic":
        // A subscription ended, whichever it was: a new connection finds out.
        this.#giveUp(failure("transport", error.message, error));
        break;
      case "unauthorized":
      case "internal":
        this.#told = error;
        break;
      default:
        this.#options.onError(error);
    }
  }

  async #ended(end: SocketEnd): Promise<void> {
    this.#refresh.stop();
    this.#connect(null);
    const error = this.#told ?? (await this.#why(end));
    // Not if the program closed it meanwhile.
    if (!this.#abort.signal.aborted) {
      this.#options.onEnd(error, this.#token);
    }
  }

  async #why({ code, reason, opened }: SocketEnd): Promise<AnyKhalaError> {
    const said = `the connection closed (${code}${reason && `: ${reason}`})`;
    if (code === CLOSE.unauthorized) {
      return failure("unauthorized", said);
    }
    if (code === CLOSE.forbidden) {
      return new KhalaError("forbidden_topic", said, { topics: [] }) as AnyKhalaError;
    }
    // A WebSocket does not show why the server refused to open it; HTTP does.
    const refusal = opened ? null : await this.#http.refusal(this.#abort.signal);
    return refusal ?? failure("transport", said);
  }

  /** Sends a new token before the old one expires, if the provider has one by then. */
  #scheduleRefresh(expiresAt: unknown): void {
    const left = Date.parse(String(expiresAt)) - Date.now();
    // Too late for a reply, or no time given: the server ends the connection.
    if (!(left > 1_000)) {
      return;
    }
    this.#refresh.start(left * 0.75, () => {
      void this.#refreshToken(expiresAt);
    });
  }

  async #refreshToken(expiresAt: unknown): Promise<void> {
    const { askToken, onError } = this.#options;
    const token = await askToken().catch((error) => {
      onError(asKhalaError(error, "transport", "the token provider failed"));
      return null;
    });
    if (this.#abort.signal.aborted) {
      return;
    }
    if (token === null || token === this.#token) {
      this.#scheduleRefresh(expiresAt);
      return;
    }
    if (organisationOf(token) !== organisationOf(this.#token)) {
      this.#startOver();
      return;
    }
    this.#channel.push("sync:refresh", { token }, (response, error) => {
      if (error !== null) {
        // The old token is still valid; when it expires, the connection starts over.
        onError(error);
        return;
      }
      const names = [...this.#options.topics.keys()];
      const readers = () => names.map((name) => this.link?.readerOf(name)).join("\n");
      const before = readers();
      this.#token = token;
      this.#scopes = scopesIn(response);
      if (readers() === before) {
        this.#scheduleRefresh(response["expires_at"]);
      } else {
        this.#startOver();
      }
    });
  }

  /** What is subscribed was chosen for the token before. */
  #startOver(): void {
    this.#giveUp(failure("transport", "the new token shows other documents"));
  }
}

function scopesIn({ allowed_topics }: JsonObject): readonly string[] {
  return Array.isArray(allowed_topics) ? allowed_topics.map(String) : [];
}
