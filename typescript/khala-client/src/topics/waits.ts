/** Promises of what a topic has not reached yet. */

import { type AnyKhalaError, failure } from "../errors.js";
import { Timer } from "../host/timer.js";
import type { WaitOptions } from "../types.js";

interface Wait {
  readonly isOver: () => boolean;
  readonly end: (error?: unknown) => void;
}

export class Waits {
  readonly #waits = new Set<Wait>();

  /** Resolves when `isOver`, which `look` finds out. Rejects with `aborted` or `timeout`, or as `fail` says. */
  until(
    isOver: () => boolean,
    what: string,
    { timeoutMs = 30_000, signal }: WaitOptions,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = new Timer();
      const end = (error?: unknown) => {
        this.#waits.delete(wait);
        timer.stop();
        signal?.removeEventListener("abort", abort);
        error === undefined ? resolve() : reject(error);
      };
      const abort = () => end(failure("aborted", `${what}: aborted`, signal?.reason));
      const wait = { isOver, end };
      if (signal?.aborted) {
        abort();
        return;
      }
      signal?.addEventListener("abort", abort);
      timer.start(timeoutMs, () => end(failure("timeout", `${what}: not in ${timeoutMs} ms`)));
      this.#waits.add(wait);
    });
  }

  /** Something has moved. */
  look(): void {
    for (const wait of [...this.#waits]) {
      try {
        if (wait.isOver()) {
          wait.end();
        }
      } catch (error) {
        // A function of the program's failed: the other waits go on.
        wait.end(error);
      }
    }
  }

  /** Nothing will move any more. */
  fail(error: AnyKhalaError): void {
    for (const wait of [...this.#waits]) {
      wait.end(error);
    }
  }
}
