/** Waiting: exponential with full jitter, so that clients which lost a server together do not
 * reconnect together. */

import { type AnyKhalaError, failure } from "../errors.js";
import type { BackoffOptions } from "../types.js";

/** The time limit of a connection attempt, and of everything that the host supplies. */
export const TIMEOUT_MS = 10_000;
/** The longest delay that timers keep: beyond it they fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

export type Backoff = (attempt: number, atLeastMs?: number) => number;

/** The wait before try number `attempt` (0 is the first retry), added to the server's own. */
export function makeBackoff({ baseMs = 250, capMs = 30_000 }: BackoffOptions = {}): Backoff {
  return (attempt, atLeastMs = 0) =>
    atLeastMs + Math.random() * Math.min(capMs, baseMs * 2 ** attempt);
}

/** One timer, set anew by every `start`. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;

  start(delayMs: number, work: () => void): void {
    this.stop();
    this.#handle = setTimeout(work, Math.min(delayMs, LONGEST_MS));
  }

  stop(): void {
    clearTimeout(this.#handle);
  }
}

/** The result of work that the host does; rejects when it takes too long. A late one counts for nothing. */
export function within<T>(
  work: () => T | Promise<T>,
  code: "transport" | "store" | "usage",
  what: string,
): Promise<T> {
  return new Promise((resolve, reject: (error: AnyKhalaError) => void) => {
    const late = () => reject(failure(code, `${what}: no response in ${TIMEOUT_MS / 1000} s`));
    const handle = setTimeout(late, TIMEOUT_MS);
    Promise.resolve()
      .then(work)
      .then(resolve, reject)
      .finally(() => clearTimeout(handle));
  });
}

/** Throws when the signal is aborted. React Native's signals have no `throwIfAborted`. */
export function check(signal: AbortSignal): void {
  if (signal.aborted) {
    throw failure("transport", "the connection ended");
  }
}

/** Waits; rejects when the signal is aborted. */
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
