/** The channel of one socket: requests and their replies, and what is sent to this join. */

import type { AnyKhalaError } from "../errors.js";
import type { JsonObject } from "../types.js";
import { decodeFrame, type Frame, object, readError, unfit } from "./serializer.js";

const CHANNEL = "sync:v1";

/** Called with the response of a request, and with the error that it stands for. */
export type OnReply = (response: JsonObject, error: AnyKhalaError | null) => void;

export class Channel {
  readonly #waiting = new Map<string | null, OnReply>();
  readonly #send: (text: string) => void;
  readonly #onEvent: (frame: Frame) => void;
  readonly #decode: (data: unknown) => Frame;
  #joinRef: string | null = null;
  #lastRef = 0;

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
    this.#joinRef = String(this.#lastRef + 1);
    this.push("phx_join", {}, onReply);
  }

  push(event: string, payload: object, onReply: OnReply = () => {}): void {
    const ref = String(++this.#lastRef);
    this.#waiting.set(ref, onReply);
    this.#send(JSON.stringify([this.#joinRef, ref, CHANNEL, event, payload]));
  }

  /** Handles one message of the socket. Throws `protocol`. */
  receive(data: unknown): void {
    const frame = this.#decode(data);
    // A frame of another join is outdated; one without a join reference is for every join.
    if (frame.topic !== CHANNEL || (frame.joinRef !== null && frame.joinRef !== this.#joinRef)) {
      return;
    }
    if (frame.event !== "phx_reply") {
      this.#onEvent(frame);
      return;
    }
    const onReply = this.#waiting.get(frame.ref);
    if (onReply === undefined) {
      return;
    }
    this.#waiting.delete(frame.ref);
    const response = object(frame.payload, "response");
    const { status } = frame.payload;
    if (status !== "ok" && status !== "error") {
      throw unfit("status");
    }
    onReply(response, status === "ok" ? null : readError(response));
  }
}
