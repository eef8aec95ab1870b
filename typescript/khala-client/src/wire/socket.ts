/** One WebSocket from its opening to its end: token, heartbeats, silence. */

import { TIMEOUT_MS, Timer } from "../host/timer.js";
import type { WebSocketClass, WebSocketLike } from "../types.js";

/** The end of a socket. `opened`: whether it was open before. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  readonly opened: boolean;
}

export interface SocketHandlers {
  onOpen(): void;
  onMessage(data: unknown): void;
  /** Called once, also when the client closed the socket. */
  onEnd(end: SocketEnd): void;
}

const HEARTBEAT = JSON.stringify([null, "heartbeat", "phoenix", "heartbeat", {}]);
const PROBE_MS = 5_000;
/** Close codes that the client handles in different ways. */
export const CLOSE = {
  /** The client closed the socket. */
  normal: 1000,
  /** The connection ended without a close frame. */
  gone: 1006,
  /** The token expired or was revoked: connect with another one. */
  unauthorized: 4401,
  /** The server refuses for good: stay away. */
  forbidden: 4403,
} as const;

export class Socket {
  readonly #timer = new Timer();
  readonly #handlers: SocketHandlers;
  readonly #socket: WebSocketLike;
  #intervalMs = 0;
  #silentTicks = 0;
  #opened = false;
  #ended = false;

  constructor(WebSocket: WebSocketClass, url: string, token: string, handlers: SocketHandlers) {
    this.#handlers = handlers;
    // The token is not put in the URL, which proxies and servers log.
    const bearer = btoa(token).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
    this.#socket = new WebSocket(url, ["phoenix", `base64url.bearer.phx.${bearer}`]);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      this.#opened = true;
      handlers.onOpen();
    };
    this.#socket.onmessage = ({ data }) => {
      this.#silentTicks = 0;
      handlers.onMessage(data);
    };
    this.#socket.onclose = ({ code, reason }) => this.#end(code, reason);
    // The close that follows has all that it says.
    this.#socket.onerror = () => {};
    this.#timer.start(TIMEOUT_MS, () => this.abandon("no response"));
  }

  send(text: string): void {
    try {
      this.#socket.send(text);
    } catch (error) {
      this.abandon(`sending failed: ${error}`);
    }
  }

  /** From now on the server must send at least one message in two intervals. */
  watch(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#timer.start(intervalMs, () => this.#tick());
  }

  /** Finds out soon whether the server is still reachable, as after the computer slept. */
  probe(): void {
    if (this.#intervalMs > 0) {
      this.#silentTicks = 2;
      this.send(HEARTBEAT);
      this.#timer.start(PROBE_MS, () => this.#tick());
    }
  }

  /** Closes, as the program requested. */
  close(): void {
    this.#end(CLOSE.normal, "closed");
  }

  /** Ends a connection that does not work. */
  abandon(reason: string): void {
    this.#end(CLOSE.gone, reason);
  }

  // Ticks are counted, not time: timers are late in hidden pages and after sleep, and messages that
  // arrived meanwhile are read only after them.
  #tick(): void {
    if (this.#silentTicks++ >= 2) {
      this.abandon("nothing heard");
    } else {
      this.send(HEARTBEAT);
      this.#timer.start(this.#intervalMs, () => this.#tick());
    }
  }

  #end(code: number, reason: string): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#timer.stop();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    // The closing handshake of a dead connection takes long: it is not awaited.
    try {
      this.#socket.close(CLOSE.normal);
    } catch {
      // A socket that cannot be closed is as good as closed: nothing listens to it.
    }
    this.#handlers.onEnd({ code, reason, opened: this.#opened });
  }
}
