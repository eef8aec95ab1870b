/** Brings one topic's documents and watermark into the store, several steps at a time. */

import { type AnyKhalaError, asKhalaError } from "../errors.js";
import { Timer } from "../host/timer.js";
import { type Cursor, makeQueue, type OnPart, type Stored } from "../stores/store.js";
import type { TopicStore } from "../stores/subset.js";
import type { DocumentCache, Version } from "./cache.js";

/** The state to save: cache and cursor move together, so that they always match. */
export interface Replica {
  readonly cache: DocumentCache;
  cursor: Cursor | null;
}

/** The wait after a failed save. */
const RETRY_MS = 10_000;

export interface SaverOptions {
  readonly store: TopicStore;
  readonly saveEveryMs: number;
  readonly onError: (error: AnyKhalaError) => void;
}

export class Saver {
  readonly #topic: string;
  readonly #options: SaverOptions;
  readonly #replica: Replica;
  readonly #timer = new Timer();
  #changed = new Map<string, Version>();
  /** The cursor up to which the store is complete; null: the next commit has everything. */
  #saved: Cursor | null = null;
  #isDirty = false;
  #force = false;
  #isDue = false;
  #isStopped = false;
  readonly #queue = makeQueue();

  constructor(topic: string, options: SaverOptions, replica: Replica) {
    this.#topic = topic;
    this.#options = options;
    this.#replica = replica;
  }

  /** The stored part of the topic; null if there is none, or after an error that was reported. */
  async load(onPart?: OnPart): Promise<Stored | null> {
    try {
      const stored = await this.#options.store.load(this.#topic, onPart);
      this.#saved = stored?.cursor ?? null;
      return stored;
    } catch (error) {
      this.#options.onError(asKhalaError(error, "store", `${this.#topic} cannot be loaded`));
      return null;
    }
  }

  /** The replica applied these, and its cursor may have moved. */
  moved(versions: readonly Version[]): void {
    for (const version of versions) {
      this.#changed.set(version.docKey, version);
    }
    this.#isDirty = true;
    this.#schedule(this.#options.saveEveryMs);
  }

  /** The replica was replaced. `force`: the store keeps nothing, even if it is further. */
  replaced(force: boolean): void {
    this.#saved = null;
    this.#force ||= force;
    this.moved([]);
  }

  /** Saves now; rejects with `store` when that fails. */
  flush(): Promise<void> {
    this.#timer.stop();
    this.#isDue = false;
    return this.#queue(() => this.#save());
  }

  /** Ends saving by itself, for good: also what fails from now on is not tried again. */
  stop(): void {
    this.#isStopped = true;
    this.#timer.stop();
  }

  #schedule(delayMs: number): void {
    if (!this.#isDue && !this.#isStopped) {
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
    // Until the commit has succeeded, and if the replica is replaced meanwhile, nothing is known.
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
