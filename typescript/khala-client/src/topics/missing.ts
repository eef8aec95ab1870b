/** Documents of one topic that could not be had so far: fetched again with back-off. */

import { type AnyKhalaError, asKhalaError } from "../errors.js";
import { Timer } from "../host/timer.js";
import type { Update } from "../wire/serializer.js";
import { isNewer, type Version } from "./cache.js";
import { type Missing, type Resolved, resolve, type Supply } from "./hydrate.js";

export interface MissingOptions {
  readonly known: (docKey: string) => Version | undefined;
  readonly onError: (error: AnyKhalaError) => void;
  /** Called with what some updates turned out to stand for; `still` takes it once that is applied. */
  readonly onFetched: (updates: readonly Update[], resolved: Resolved) => void;
}

export class MissingDocuments {
  readonly #topic: string;
  readonly #options: MissingOptions;
  readonly #missing = new Map<string, Missing>();
  readonly #timer = new Timer();
  #attempt = 0;
  #isFetching = false;

  constructor(topic: string, options: MissingOptions) {
    this.#topic = topic;
    this.#options = options;
  }

  get count(): number {
    return this.#missing.size;
  }

  /** Misses nothing any more: another snapshot has everything. */
  clear(): void {
    this.#missing.clear();
  }

  /** The connection ended: what is missing comes again after the cursor. */
  stop(): void {
    this.#timer.stop();
    this.clear();
    this.#isFetching = false;
    this.#attempt = 0;
  }

  /** These came: they, and what they supersede, are not missed any more. */
  settle(updates: readonly Update[]): void {
    for (const update of updates) {
      const known = this.#missing.get(update.docKey);
      if (known !== undefined && !isNewer(known.update, update)) {
        this.#missing.delete(update.docKey);
      }
    }
  }

  /** Reports documents, and has them fetched again; the error to show, null if none is missing. */
  add(missing: readonly Missing[], supply: Supply): AnyKhalaError | null {
    for (const each of missing) {
      this.#options.onError(each.error);
      this.#missing.set(each.update.docKey, each);
    }
    const [first] = this.#missing.values();
    if (first === undefined) {
      this.#attempt = 0;
      return null;
    }
    if (!this.#isFetching) {
      this.#isFetching = true;
      const delay = supply.backoff(this.#attempt++, first.error.retryAfterMs);
      this.#timer.start(delay, () => void this.#fetch(supply));
    }
    return first.error;
  }

  /** Of what was fetched, that which is still missed: a later update may have replaced it. */
  still(updates: readonly Update[], resolved: Resolved): [readonly Update[], Resolved] {
    this.#isFetching = false;
    const wanted = updates.filter((each) => this.#missing.get(each.docKey)?.update === each);
    const keys = new Set(wanted.map(({ docKey }) => docKey));
    const versions = resolved.versions.filter(({ docKey }) => keys.has(docKey));
    const missing = resolved.missing.filter(({ update }) => keys.has(update.docKey));
    return [wanted, { versions, missing }];
  }

  /** The watermark up to which every document is here, when everything up to `seen` has come. */
  complete(seen: bigint): bigint {
    let complete = seen;
    for (const { update } of this.#missing.values()) {
      if (update.watermark <= complete) {
        complete = update.watermark - 1n;
      }
    }
    return complete;
  }

  /** Beside the topic's queue, so that a document that hangs holds up no other. */
  async #fetch(supply: Supply): Promise<void> {
    const updates = Array.from(this.#missing.values(), ({ update }) => update);
    const { known, onFetched } = this.#options;
    const resolved = await resolve(updates, known, supply).catch((cause): Resolved => {
      const error = asKhalaError(cause, "transport", this.#topic);
      return { versions: [], missing: updates.map((update) => ({ update, error })) };
    });
    // A run that has ended misses nothing: the next one begins at the cursor.
    if (!supply.signal.aborted) {
      onFetched(updates, resolved);
    }
  }
}
