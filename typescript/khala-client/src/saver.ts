/** Brings one topic's documents and watermark into the store, several steps at a time. */

import type { DocumentCache, Version } from "./cache.js";
import { type AnyKhalaError, asKhalaError } from "./errors.js";
import type { Cursor, KhalaStore, Stored } from "./stores/store.js";
import { Timer } from "./timer.js";

/** What is saved: cache and cursor move together, so that any moment's pair is consistent. */
export interface Replica {
  readonly cache: DocumentCache;
  cursor: Cursor | null;
}

/** How long after a failure the store is tried again, unless something changes before. */
const RETRY_MS = 10_000;

export interface SaverOptions {
  readonly store: KhalaStore;
  readonly saveEveryMs: number;
  readonly onError: (error: AnyKhalaError) => void;
}

export class Saver {
  readonly #topic: string;
  readonly #options: SaverOptions;
  readonly #replica: Replica;
  readonly #timer = new Timer();
  #changed = new Map<string, Version>();
  /** Up to where the store is known to hold everything; null: it has to take everything anew. */
  #saved: Cursor | null = null;
  #isDirty = false;
  #force = false;
  #isDue = false;
  #last: Promise<void> = Promise.resolve();

  constructor(topic: string, options: SaverOptions, replica: Replica) {
    this.#topic = topic;
    this.#options = options;
    this.#replica = replica;
  }

  /** What the store holds; null if nothing or if it cannot be read, which is told. */
  async load(): Promise<Stored | null> {
    try {
      const stored = await this.#options.store.load(this.#topic);
      this.#saved = stored?.cursor ?? null;
      return stored;
    } catch (error) {
      this.#options.onError(asKhalaError(error, "store", `${this.#topic} cannot be loaded`));
      return null;
    }
  }

  /** The replica took these in, and its cursor may have moved. */
  moved(versions: readonly Version[]): void {
    for (const version of versions) {
      this.#changed.set(version.docKey, version);
    }
    this.#isDirty = true;
    this.#schedule(this.#options.saveEveryMs);
  }

  /** The replica was replaced. `force`: whatever the store holds is not to be kept. */
  replaced(force: boolean): void {
    this.#saved = null;
    this.#force ||= force;
    this.moved([]);
  }

  /** Saves now; rejects with `store` when that fails. */
  flush(): Promise<void> {
    this.#timer.stop();
    this.#isDue = false;
    // A save that failed has been told to whoever asked for it.
    this.#last = this.#last.catch(() => {}).then(() => this.#save());
    return this.#last;
  }

  /** Does not save by itself any more. */
  stop(): void {
    this.#timer.stop();
  }

  #schedule(delayMs: number): void {
    if (!this.#isDue) {
      this.#isDue = true;
      this.#timer.start(delayMs, () => {
        this.flush().catch(this.#options.onError);
      });
    }
  }

  async #save(): Promise<void> {
    const { cache, cursor } = this.#replica;
    if (!this.#isDirty || cursor === null) {
      return;
    }
    const base = this.#saved;
    const force = this.#force;
    const versions = base === null ? cache.versions() : [...this.#changed.values()];
    this.#changed = new Map();
    this.#isDirty = this.#force = false;
    // Until the store has said yes, and if the replica is replaced meanwhile, nothing is known.
    const pending: Cursor = { ...cursor };
    this.#saved = pending;
    try {
      const topic = this.#topic;
      const done = await this.#options.store.commit({ topic, base, versions, cursor, force });
      if (done) {
        return;
      }
    } catch (error) {
      this.#takeBack(pending, force);
      this.#schedule(RETRY_MS);
      throw asKhalaError(error, "store", `${this.#topic} cannot be saved`);
    }
    this.#takeBack(pending, force);
    await this.#save();
  }

  /** The commit did not happen: the next one brings everything. */
  #takeBack(pending: Cursor, force: boolean): void {
    if (this.#saved === pending) {
      this.#saved = null;
    }
    this.#isDirty = true;
    this.#force ||= force;
  }
}
