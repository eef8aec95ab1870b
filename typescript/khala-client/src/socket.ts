/** One WebSocket from its opening to its end: token, heartbeats, silence. */

import { CLOSE, TIMEOUT_MS } from "./constants.js";
import { encodeFrame } from "./serializer.js";
import { Timer } from "./timer.js";
import type { WebSocketClass, WebSocketLike } from "./types.js";

/** How a socket ended. `opened`: whether it ever was open. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  readonly opened: boolean;
}

export interface SocketHandlers {
  onOpen(): void;
  onMessage(data: unknown): void;
  /** Called once, whoever ended it. */
  onEnd(end: SocketEnd): void;
}

const HEARTBEAT = encodeFrame(null, "heartbeat", "phoenix", "heartbeat", {});
const PROBE_MS = 5_000;
/** Abnormal closure: nobody said goodbye. */
const GONE = 1006;

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
    // It says nothing that the close which follows does not.
    this.#socket.onerror = () => {};
    this.#timer.start(TIMEOUT_MS, () => this.abandon("no answer"));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  /** From now on the server is to be heard at least once in two intervals. */
  watch(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#timer.start(intervalMs, () => this.#tick());
  }

  /** Finds out soon whether the other side is still there, as after the computer slept. */
  probe(): void {
    if (this.#intervalMs > 0) {
      this.#silentTicks = 2;
      this.send(HEARTBEAT);
      this.#timer.start(PROBE_MS, () => this.#tick());
    }
  }

  /** The program wants no connection any more. */
  close(): void {
    this.#end(CLOSE.normal, "closed");
  }

  /** The connection is of no use. */
  abandon(reason: string): void {
    this.#end(GONE, reason);
  }

  // Ticks are counted, not time: timers are late in hidden pages and after sleep, and what came in
  // meanwhile is read only after them.
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
    // The closing handshake of a dead connection takes its time; nobody waits for it.
    this.#socket.close(CLOSE.normal);
    this.#handlers.onEnd({ code, reason, opened: this.#opened });
  }
}
