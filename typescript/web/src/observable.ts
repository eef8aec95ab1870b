export type Unsubscribe = () => void;

/** A value that tells when it changes, as `useSyncExternalStore` wants it. */
export class Observable<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: (value: T) => void): Unsubscribe => {
    // Wrapped: the same function subscribed twice is two subscriptions.
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  };

  set(value: T): void {
    if (value !== this.#value) {
      this.#value = value;
      for (const listener of [...this.#listeners]) {
        listener(value);
      }
    }
  }
}
