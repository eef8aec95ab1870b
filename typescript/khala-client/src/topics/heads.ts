/** What the server had when a topic was subscribed: by it the topic knows whether it has everything. */

export class Heads {
  /** How often the topic was subscribed, and how often it is to be, at least. */
  #asked = 0;
  #wanted = 0;
  #answer: { readonly ask: number; readonly head: bigint } | null = null;

  /** The topic is being subscribed; the number of this request. */
  ask(): number {
    return ++this.#asked;
  }

  /** The server accepted the cursor of a request, and has everything up to `head`. */
  answered(ask: number, head: bigint): void {
    this.#answer = { ask, head };
  }

  /** The subscription ended: a cursor may be of an epoch that has ended too. */
  forget(): void {
    this.#answer = null;
  }

  /** Whether the server has accepted the cursor. */
  get isAccepted(): boolean {
    return this.#answer !== null;
  }

  /** The number of the next request, the first whose reply is not older than this moment. */
  get next(): number {
    return this.#asked + 1;
  }

  /** The head by a reply to this request or a later one; null as long as there is none. */
  since(ask: number): bigint | null {
    return this.#answer !== null && this.#answer.ask >= ask ? this.#answer.head : null;
  }

  /** Another request is wanted. */
  want(): void {
    this.#wanted = this.next;
  }

  get isWanted(): boolean {
    return this.#wanted > this.#asked;
  }
}
