/** The topics of a client, by name and filter. */

import type { Topic } from "./topic.js";

/**
 * Parts of topics come and go with what a program shows: one that is not followed, and that nobody
 * holds, is let go with its documents.
 */
export class KnownTopics {
  readonly #topics = new Map<string, Topic | WeakRef<Topic>>();

  get(id: string): Topic | undefined {
    const found = this.#topics.get(id);
    return found instanceof WeakRef ? found.deref() : found;
  }

  add(id: string, topic: Topic): void {
    for (const each of this.#topics.keys()) {
      if (this.get(each) === undefined) {
        this.#topics.delete(each);
      }
    }
    // Connections hold those that are followed.
    this.#topics.set(id, topic.subset.canonical === null ? topic : new WeakRef(topic));
  }

  /** Those that are there. */
  all(): Topic[] {
    return Array.from(this.#topics.keys(), (id) => this.get(id) ?? []).flat();
  }
}
