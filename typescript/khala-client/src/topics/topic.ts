/** A topic as a program sees it: documents, status and listeners. */

import type { KhalaClient } from "../client.js";
import { type AnyKhalaError, failure } from "../errors.js";
import { call, type Unsubscribe } from "../host/observable.js";
import { Timer } from "../host/timer.js";
import type { Counter, JsonObject, KhalaDocument, TopicStatus, WaitOptions } from "../types.js";
import { asCounter } from "../wire/serializer.js";
import { Follower, type FollowerOptions } from "./follower.js";
import type { Link } from "./link.js";
import type { Subset } from "./subset.js";
import { Waits } from "./waits.js";

/** A topic of a client: followed as long as it has subscribers. Its methods need no `this`. */
export interface KhalaTopic<T = JsonObject> {
  readonly name: string;
  readonly client: KhalaClient;
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
  /**
   * Resolves when everything up to this watermark of a write is shown: at once if it is, and for
   * null, which a sink returns that wrote nothing. Follows the topic meanwhile. Rejects with
   * `timeout`, `aborted`, the error that ended the topic, or `usage`.
   */
  readonly waitFor: (watermark: Counter | null, options?: WaitOptions) => Promise<void>;
  /** One document by its key, whether there is one or not. */
  readonly document: (docKey: string) => TopicDocument<T>;
  /** Connects again, with a token asked for anew, after an error that ended the topic or its client. */
  readonly retry: () => void;
}

/** One document of a topic. Its methods need no `this`. */
export interface TopicDocument<T = JsonObject> {
  readonly docKey: string;
  /** The document as it stands. */
  readonly get: () => KhalaDocument<T> | undefined;
  /**
   * Resolves when this version, which a write returned, or a later one is shown: with the document,
   * undefined if it has been deleted since. Otherwise as `waitFor` of the topic.
   */
  readonly waitFor: (
    version: Counter,
    options?: WaitOptions,
  ) => Promise<KhalaDocument<T> | undefined>;
  /**
   * Resolves when the document is shown as expected, undefined when there is none: for writes that
   * know neither watermark nor version. Otherwise as `waitFor` of the topic; rejects with what
   * `isExpected` throws.
   */
  readonly waitUntil: (
    isExpected: (document: KhalaDocument<T> | undefined) => boolean,
    options?: WaitOptions,
  ) => Promise<void>;
}

export interface TopicOptions extends FollowerOptions {
  readonly client: KhalaClient;
  /** Whether the client will follow the topic: not once it is closed. Throws when it cannot here. */
  readonly onActivate: () => boolean;
  /** Called when the topic is followed from now on, to `connect` it. */
  readonly onActive: (topic: Topic) => void;
  /** Called when it is followed no longer. */
  readonly onRest: () => void;
  /** The reason why the client is not going to follow it; null if it will. */
  readonly refusal: (topic: Topic) => AnyKhalaError | null;
}

/** A component that unmounts and mounts again, as in strict mode, keeps its subscription. */
const LINGER_MS = 1_000;
/**
 * The time that an update has to come by itself. Then the server is asked: a watermark of documents
 * that this client does not see would move only with the next heartbeat.
 */
const ASK_MS = 100;

export class Topic extends Follower implements KhalaTopic {
  // Functions of the topic, not of what it has: whoever holds one of them holds the topic.
  readonly getSnapshot = () => this.documents.get();
  readonly getStatus = () => this.status.get();
  readonly onStatus = (listener: (status: TopicStatus) => void) => this.status.subscribe(listener);
  readonly waits = new Waits();
  readonly client: KhalaClient;
  readonly #timer = new Timer();
  readonly #options: TopicOptions;
  #listeners = 0;
  isActive = false;

  constructor(subset: Subset, options: TopicOptions) {
    super(subset, options);
    this.#options = options;
    this.client = options.client;
    this.documents.subscribe(() => this.waits.look());
    this.status.subscribe(({ phase, error }) => {
      this.waits.look();
      if (phase === "error" && error !== null) {
        this.waits.fail(error);
      }
    });
  }

  /** Whether anybody would see it. */
  get hasListeners(): boolean {
    return this.#listeners > 0;
  }

  /** Ends a subscription that only lingers. */
  rest(): void {
    this.#timer.stop();
    if (this.isActive) {
      this.isActive = false;
      this.leave();
      this.#options.onRest();
    }
  }

  /** A connection joined, or ended. */
  connect(link: Link | null): void {
    if (link !== null && this.isActive) {
      this.start(link);
    } else {
      this.stop();
    }
  }

  readonly subscribe = (listener: (documents: readonly KhalaDocument[]) => void): Unsubscribe => {
    if (!this.isActive || this.getStatus().phase === "error") {
      this.#activate();
    }
    const unsubscribe = this.documents.subscribe(listener);
    this.#listeners++;
    this.#timer.stop();
    if (this.cursor !== null || this.getSnapshot().length > 0) {
      call(listener, this.getSnapshot());
    }
    let isOver = false;
    return () => {
      unsubscribe();
      if (!isOver && --this.#listeners === 0 && this.isActive) {
        this.#timer.start(LINGER_MS, () => this.rest());
      }
      isOver = true;
    };
  };

  readonly get = (docKey: string): KhalaDocument | undefined => {
    const version = this.cache.get(docKey);
    return version && !version.deleted ? (version as KhalaDocument) : undefined;
  };

  readonly waitFor = async (
    watermark: Counter | null,
    options: WaitOptions = {},
  ): Promise<void> => {
    if (watermark === null) {
      return;
    }
    const wanted = read("watermark", watermark);
    const timer = new Timer();
    timer.start(ASK_MS, () => this.ask());
    const isOver = () => this.hasReached(wanted);
    await this.#until(isOver, `watermark ${wanted}`, options).finally(() => timer.stop());
  };

  readonly document = (docKey: string): TopicDocument => ({
    docKey,
    get: () => this.get(docKey),
    waitFor: async (version, options = {}) => {
      const wanted = read("version", version);
      const { snapshots } = this;
      const hasAll = this.mark();
      const isOver = () => {
        const standing = this.cache.get(docKey);
        return standing === undefined
          ? // A snapshot has no tombstones: what was written before it and is not there was deleted.
            this.snapshots > snapshots && hasAll()
          : standing.docVersion >= wanted && this.hasReached(0n);
      };
      await this.#until(isOver, `version ${wanted} of ${docKey}`, options);
      return this.get(docKey);
    },
    waitUntil: (isExpected, options = {}) => {
      // Without a cursor there may be documents that have not come yet.
      const isOver = () => this.cursor !== null && isExpected(this.get(docKey));
      return this.#until(isOver, `${docKey} as expected`, options);
    },
  });

  /** Resolves when everything is shown that the server has by now. */
  async sync(options: WaitOptions): Promise<void> {
    const { phase, error } = this.getStatus();
    if (phase === "error" && error !== null) {
      throw error;
    }
    const hasAll = this.mark();
    this.ask();
    await this.#until(hasAll, "what the server has", options);
  }

  /** Follows the topic until then. */
  async #until(isOver: () => boolean, what: string, options: WaitOptions): Promise<void> {
    if (isOver()) {
      return;
    }
    const refusal = this.#options.refusal(this);
    if (refusal !== null) {
      throw refusal;
    }
    // First: it throws where nothing can be followed, and no wait may be left then.
    const leave = this.subscribe(() => {});
    await this.waits.until(isOver, `${this.name}: ${what}`, options).finally(leave);
  }

  readonly retry = (): void => {
    // A token that covers the topic, or that the server accepts, needs another connection.
    if (this.getStatus().phase === "error" || this.#options.refusal(this) !== null) {
      this.client.disconnect();
      this.client.connect();
    }
  };

  #activate(): void {
    // First: it throws where there is no WebSocket, and then nothing has begun.
    if (!this.#options.onActivate()) {
      return;
    }
    this.isActive = true;
    void this.load();
    // Which connects it.
    this.#options.onActive(this);
  }
}

function read(name: string, value: Counter): bigint {
  const counter = typeof value === "bigint" ? value : asCounter(value);
  if (counter === null) {
    throw failure("usage", `${name} is ${value}: pass the number, bigint or digits of a write`);
  }
  return counter;
}
