/** A topic as a program sees it: documents, status and listeners. */

import { call, type Unsubscribe } from "../host/observable.js";
import { Timer } from "../host/timer.js";
import type { JsonObject, KhalaDocument, TopicStatus } from "../types.js";
import { Follower, type FollowerOptions, type Link } from "./follower.js";

/** A topic of a client: followed as long as it has subscribers. Its methods need no `this`. */
export interface KhalaTopic<T = JsonObject> {
  readonly name: string;
  /**
   * Follows the topic and calls `listener` with its documents: at once if there are any to show,
   * and after every change.
   */
  readonly subscribe: (listener: (documents: readonly KhalaDocument<T>[]) => void) => Unsubscribe;
  /** The documents by key, without deleted ones; the same array until something changes. */
  readonly getSnapshot: () => readonly KhalaDocument<T>[];
  /** One document as it stands. */
  readonly get: (docKey: string) => KhalaDocument<T> | undefined;
  /** The state of the topic; the same object until something changes. */
  readonly getStatus: () => TopicStatus;
  readonly onStatus: (listener: (status: TopicStatus) => void) => Unsubscribe;
}

/** A component that unmounts and mounts again, as in strict mode, keeps its subscription. */
const LINGER_MS = 1_000;

export class Topic extends Follower implements KhalaTopic {
  readonly getSnapshot = this.documents.get;
  readonly getStatus = this.status.get;
  readonly onStatus = this.status.subscribe;
  readonly #timer = new Timer();
  readonly #onActive: () => void;
  #link: Link | null = null;
  #listeners = 0;
  isActive = false;

  constructor(name: string, options: FollowerOptions, onActive: () => void) {
    super(name, options);
    this.#onActive = onActive;
  }

  /** A connection joined, or ended. */
  connect(link: Link | null): void {
    this.#link = link;
    if (link !== null && this.isActive) {
      this.start(link);
    } else {
      this.stop();
    }
  }

  readonly subscribe = (listener: (documents: readonly KhalaDocument[]) => void): Unsubscribe => {
    const unsubscribe = this.documents.subscribe(listener);
    this.#listeners++;
    this.#timer.stop();
    if (!this.isActive || this.getStatus().phase === "error") {
      this.#activate();
    }
    if (this.cursor !== null || this.getSnapshot().length > 0) {
      call(listener, this.getSnapshot());
    }
    let isOver = false;
    return () => {
      unsubscribe();
      if (!isOver && --this.#listeners === 0) {
        this.#timer.start(LINGER_MS, () => {
          this.isActive = false;
          this.leave();
        });
      }
      isOver = true;
    };
  };

  readonly get = (docKey: string): KhalaDocument | undefined => {
    const version = this.cache.get(docKey);
    return version && !version.deleted ? (version as KhalaDocument) : undefined;
  };

  #activate(): void {
    this.isActive = true;
    void this.load();
    if (this.#link !== null) {
      this.start(this.#link);
    }
    this.#onActive();
  }
}
