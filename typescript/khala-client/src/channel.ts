/** The channel of one socket: references, requests, and what is for this join. */

import { CHANNEL } from "./constants.js";
import { type OnReply, Pushes } from "./push.js";
import { decodeFrame, encodeFrame } from "./serializer.js";
import type { JsonObject } from "./types.js";

export class Channel {
  readonly #pushes = new Pushes();
  readonly #send: (text: string) => void;
  readonly #onEvent: (event: string, payload: JsonObject) => void;
  #joinRef: string | null = null;

  constructor(send: (text: string) => void, onEvent: (event: string, payload: JsonObject) => void) {
    this.#send = send;
    this.#onEvent = onEvent;
  }

  join(onReply: OnReply): void {
    this.#joinRef = this.#pushes.add(onReply);
    this.#send(encodeFrame(this.#joinRef, this.#joinRef, CHANNEL, "phx_join", {}));
  }

  push(event: string, payload: object, onReply: OnReply = () => {}): void {
    const ref = this.#pushes.add(onReply);
    this.#send(encodeFrame(this.#joinRef, ref, CHANNEL, event, payload));
  }

  /** Deals with one message of the socket. Throws `protocol`. */
  receive(data: unknown): void {
    const { joinRef, ref, topic, event, payload } = decodeFrame(data);
    // A frame of another join is outdated; one without is for all.
    if (topic !== CHANNEL || (joinRef !== null && joinRef !== this.#joinRef)) {
      return;
    }
    if (event === "phx_reply") {
      this.#pushes.settle(ref, payload);
    } else {
      this.#onEvent(event, payload);
    }
  }
}
