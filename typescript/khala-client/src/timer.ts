/** Waiting: exponential with full jitter, so that clients which lost a server together do not come
 * back together. */

import { LONGEST_TIMER_MS } from "./constants.js";
import { failure } from "./errors.js";
import type { BackoffOptions } from "./types.js";

export type Backoff = (attempt: number, atLeastMs?: number) => number;

/** The wait before try number `attempt` (0 is the first retry); what a server asks for comes on
 * top of it. */
export function makeBackoff({ baseMs = 250, capMs = 30_000 }: BackoffOptions = {}): Backoff {
  return (attempt, atLeastMs = 0) =>
    atLeastMs + Math.random() * Math.min(capMs, baseMs * 2 ** attempt);
}

/** One timer, set anew by every `start`. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;

  start(delayMs: number, work: () => void): void {
    this.stop();
    this.#handle = setTimeout(work, Math.min(delayMs, LONGEST_TIMER_MS));
  }

  stop(): void {
    clearTimeout(this.#handle);
  }
}

/** Throws when the signal is aborted. React Native's signals cannot do it themselves. */
export function check(signal: AbortSignal): void {
  if (signal.aborted) {
    throw failure("transport", "the connection ended");
  }
}

/** Returns after a while; rejects when the signal is aborted. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    check(signal);
    const abort = () => {
      clearTimeout(handle);
      reject(failure("transport", "the connection ended"));
    };
    const handle = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, delayMs);
    signal.addEventListener("abort", abort, { once: true });
  });
}
