/** A value that calls listeners when it changes; fits `useSyncExternalStore`. */

export type Listener<T> = (value: T) => void;
export type Unsubscribe = () => void;

export class Observable<T> {
  readonly #listeners = new Set<Listener<T>>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: Listener<T>): Unsubscribe => {
    // A function of its own, so that one listener added twice is called twice and removed once.
    const own: Listener<T> = (value) => listener(value);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  };

  set(value: T): void {
    this.#value = value;
    for (const listener of [...this.#listeners]) {
      // A listener may have ended another one, or changed the value once more.
      if (this.#listeners.has(listener)) {
        call(listener, this.#value);
      }
    }
  }

  /** Changes some members; listeners hear of it only if one of them is another value now. */
  patch(members: Partial<T>): void {
    const names = Object.keys(members) as (keyof T)[];
    if (names.some((name) => members[name] !== this.#value[name])) {
      this.set({ ...this.#value, ...members });
    }
  }
}

/** Calls a listener; an error that it throws is the program's and does not stop the caller. */
export function call<T>(listener: Listener<T>, value: T): void {
  try {
    listener(value);
  } catch (error) {
    report(error);
  }
}

/** Makes an error of the program's own functions an uncaught one. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
