/** The server's clock. That of the device may be wrong, or be set while the application runs. */

export class ServerClock {
  /** What the device's steady clock is behind the server's, in milliseconds. */
  #offset: number | null = null;

  /** The server said that it is `at`, in a response to a request that was sent at `sentAt`. */
  sync(at: number, sentAt: number): void {
    this.#offset = at - (sentAt + steady()) / 2;
  }

  /** The server's time in milliseconds since 1970; the device's as long as the server's is unknown. */
  readonly now = (): number => (this.#offset === null ? Date.now() : steady() + this.#offset);
}

/** A clock that nobody can set. It may stand still while the device sleeps. */
export function steady(): number {
  return performance.now();
}
