/** Requests on their way and who waits for their answers. */

import { type AnyKhalaError, failure } from "./errors.js";
import { object, readError } from "./serializer.js";
import type { JsonObject } from "./types.js";

/** Called with the response, or with the error that it is. */
export type OnReply = (response: JsonObject, error: AnyKhalaError | null) => void;

export class Pushes {
  readonly #waiting = new Map<string, OnReply>();
  #lastRef = 0;

  /** A reference for a new request. */
  add(onReply: OnReply): string {
    const ref = String(++this.#lastRef);
    this.#waiting.set(ref, onReply);
    return ref;
  }

  /** An answer came. Throws `protocol`. */
  settle(ref: string | null, payload: JsonObject): void {
    const key = ref ?? "";
    const onReply = this.#waiting.get(key);
    if (onReply === undefined) {
      return;
    }
    this.#waiting.delete(key);
    const response = object(payload, "response");
    const { status } = payload;
    if (status !== "ok" && status !== "error") {
      throw failure("protocol", "a reply is neither ok nor error");
    }
    onReply(response, status === "ok" ? null : readError(response));
  }
}
