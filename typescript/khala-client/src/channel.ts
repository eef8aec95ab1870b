/** The channel of one socket: references, requests, and what is for this join. */

import { CHANNEL } from "./constants.js";
import { type OnReply, Pushes } from "./push.js";
import { decodeFrame, encodeFrame, type Frame } from "./serializer.js";

export class Channel {
  readonly #pushes = new Pushes();
  readonly #send: (text: string) => void;
  readonly #onEvent: (frame: Frame) => void;
  readonly #decode: (data: unknown) => Frame;
  #joinRef: string | null = null;

  constructor(
    send: (text: string) => void,
    onEvent: (frame: Frame) => void,
    decode: (data: unknown) => Frame = decodeFrame,
  ) {
    this.#send = send;
    this.#onEvent = onEvent;
    this.#decode = decode;
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
    const frame = this.#decode(data);
    // A frame of another join is outdated; one without is for all.
    if (frame.topic !== CHANNEL || (frame.joinRef !== null && frame.joinRef !== this.#joinRef)) {
      return;
    }
    if (frame.event === "phx_reply") {
      this.#pushes.settle(frame.ref, frame.payload);
    } else {
      this.#onEvent(frame);
    }
  }
}
