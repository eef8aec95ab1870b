/** One topic's conversation: subscribe, take updates in, recover from a stale cursor. */

import { DocumentCache } from "./cache.js";
import type { OnReply } from "./channel.js";
import { type AnyKhalaError, asKhalaError, FINAL, type StaleTopic } from "./errors.js";
import { resolve, type Supply } from "./hydrate.js";
import { Observable, report } from "./observable.js";
import { Saver, type SaverOptions } from "./saver.js";
import { type Batch, watermarks } from "./serializer.js";
import { readSnapshot } from "./snapshot.js";
import type { Cursor } from "./stores/store.js";
import { check, sleep, Timer } from "./timer.js";
import type { KhalaClientOptions, KhalaDocument, TopicStatus } from "./types.js";

/** A joined connection. */
export interface Link extends Omit<Supply, "signal"> {
  /** Whose documents are seen through it. */
  readonly org: string;
  push(event: string, payload: object, onReply?: OnReply): void;
  /** A topic has reached the server's end. */
  onLive(): void;
}

/** From a start to a stop. */
interface Run {
  readonly link: Link;
  readonly abort: AbortController;
}

export type FollowerOptions = SaverOptions & Pick<KhalaClientOptions, "onStaleCursor">;

export class Follower {
  readonly cache = new DocumentCache();
  cursor: Cursor | null = null;
  readonly documents = new Observable<readonly KhalaDocument[]>([]);
  readonly status = new Observable<TopicStatus>({
    phase: "idle",
    watermark: null,
    head: null,
    error: null,
  });
  readonly saver: Saver;
  readonly #name: string;
  readonly #options: FollowerOptions;
  readonly #timer = new Timer();
  #loaded: Promise<void> | null = null;
  #run: Run | null = null;
  /** Work on this topic, one piece after the other: nothing overtakes a pointer being fetched. */
  #chain: Promise<void> = Promise.resolve();
  #attempt = 0;

  constructor(name: string, options: FollowerOptions) {
    this.#name = name;
    this.#options = options;
    this.saver = new Saver(name, options, this);
  }

  /** Begins with what the store holds; once. */
  load(): Promise<void> {
    this.#loaded ??= this.saver.load().then((stored) => {
      if (stored !== null) {
        this.cache.replace(stored.versions);
        this.#moveTo(stored.cursor);
      }
    });
    return this.#loaded;
  }

  start(link: Link): void {
    this.stop();
    this.#run = { link, abort: new AbortController() };
    this.#chain = this.load();
    this.#enqueue((run) => this.#subscribe(run));
  }

  stop(): void {
    this.#run?.abort.abort();
    this.#run = null;
    this.#timer.stop();
    this.#attempt = 0;
    this.status.patch({ phase: "idle" });
  }

  /** Stops, and has the server stop as well. */
  leave(): void {
    this.#run?.link.push("sync:unsubscribe", { topics: [this.#name] });
    this.stop();
  }

  /** A page of updates came. */
  take(batch: Batch): void {
    this.#enqueue(async (run) => {
      if (!this.#isServed()) {
        return;
      }
      const versions = await resolve(
        batch.updates.filter((update) => update.topic === this.#name),
        (docKey) => this.cache.get(docKey),
        this.#supply(run),
      );
      check(run.abort.signal);
      // From here on nothing waits: documents and watermark move as one.
      const applied = versions.filter((version) => this.cache.apply(version));
      this.saver.moved(applied);
      this.#advance(batch.covered.get(this.#name), batch.heads.get(this.#name));
      if (batch.replayComplete) {
        this.#attempt = 0;
        this.status.patch({ phase: "live", error: null });
        run.link.onLive();
      }
      if (applied.length > 0) {
        this.#show();
      }
    });
  }

  /** The server says that everything up to here has been sent. */
  cover(watermark: bigint): void {
    this.#enqueue(async () => {
      if (this.#isServed()) {
        this.#advance(watermark);
      }
    });
  }

  /** The server does not go on. */
  refuse(error: AnyKhalaError): void {
    this.#enqueue(async (run) => {
      // A topic that is being subscribed learns the same from the reply.
      if (this.#isServed()) {
        await this.#restart(run, error);
      }
    });
  }

  async #subscribe(run: Run): Promise<void> {
    if (this.cursor !== null && this.cursor.org !== run.link.org) {
      // Somebody else signed in: neither these documents nor this watermark are theirs.
      this.cursor = null;
      this.cache.replace([]);
      this.status.patch({ watermark: null, head: null });
      this.#show();
    }
    const { watermark, epoch } = this.cursor ?? (await this.#recover(run));
    this.status.patch({ phase: "subscribing" });
    const resume_after = { [this.#name]: String(watermark) };
    run.link.push(
      "sync:subscribe",
      { topics: [this.#name], resume_after, epoch, compact: true },
      (...reply) => this.#enqueue((own) => this.#subscribed(own, ...reply)),
    );
  }

  async #subscribed(run: Run, ...[response, error]: Parameters<OnReply>): Promise<void> {
    if (error === null) {
      this.status.patch({ phase: "catching-up" });
      this.#advance(undefined, watermarks(response, "head_watermarks").get(this.#name));
      return;
    }
    if (error.code === "stale_cursor" && this.#attempt++ > 0) {
      // Stale again after a recovery: not at full speed for ever.
      await sleep(run.link.backoff(this.#attempt), run.abort.signal);
    }
    await this.#restart(run, error);
  }

  /** Begins anew from a snapshot; throws an error that a snapshot does not help against. */
  async #restart(run: Run, error: AnyKhalaError): Promise<void> {
    if (error.code !== "stale_cursor") {
      throw error;
    }
    await this.#recover(run, error.details.topics);
    await this.#subscribe(run);
  }

  /** Replaces everything by a snapshot; cursor and versions may go back. */
  async #recover(run: Run, stale: readonly StaleTopic[] = []): Promise<Cursor> {
    this.status.patch({ phase: "recovering" });
    const own = stale.find(({ topic }) => topic === this.#name);
    if (own !== undefined) {
      await this.#tellStale(own);
    }
    const { versions, watermark, epoch } = await readSnapshot(this.#name, this.#supply(run));
    check(run.abort.signal);
    const cursor = { watermark, epoch, org: run.link.org };
    this.cache.replace(versions);
    this.#moveTo(cursor);
    this.saver.replaced(own?.reason === "cursor_ahead");
    return cursor;
  }

  async #tellStale(stale: StaleTopic): Promise<void> {
    try {
      await this.#options.onStaleCursor?.(stale);
    } catch (error) {
      // The program's own failure; the recovery does not depend on it.
      report(error);
    }
  }

  #show(): void {
    this.documents.set(this.cache.documents());
  }

  #moveTo(cursor: Cursor): void {
    this.cursor = cursor;
    this.status.patch({ watermark: cursor.watermark });
    this.#show();
  }

  #advance(covered = 0n, head = this.status.get().head): void {
    const { cursor } = this;
    if (cursor === null) {
      return;
    }
    let { watermark } = cursor;
    if (covered > watermark) {
      watermark = covered;
      this.cursor = { ...cursor, watermark };
      this.saver.moved([]);
    }
    // The server sends its head now and then; it is certainly not below what was seen.
    this.status.patch({ watermark, head: head !== null && head > watermark ? head : watermark });
  }

  // What is on the way of a subscription that ended must not count for the one that follows.
  #isServed(): boolean {
    const { phase } = this.status.get();
    return phase === "catching-up" || phase === "live";
  }

  #supply({ link, abort }: Run): Supply {
    return { ...link, signal: abort.signal };
  }

  #enqueue(work: (run: Run) => Promise<void>): void {
    const run = this.#run;
    if (run === null) {
      return;
    }
    const isOver = () => run.abort.signal.aborted;
    this.#chain = this.#chain.then(async () => {
      try {
        if (!isOver()) {
          await work(run);
        }
      } catch (error) {
        if (!isOver()) {
          this.#fail(asKhalaError(error, "transport", this.#name));
        }
      }
    });
  }

  #fail(error: AnyKhalaError): void {
    const { onError } = this.#options;
    onError(error);
    if (FINAL.has(error.code)) {
      this.leave();
      this.status.patch({ phase: "error", error });
      return;
    }
    this.status.patch({ phase: "waiting", error });
    const delay = this.#run?.link.backoff(this.#attempt++, error.retryAfterMs) ?? 0;
    this.#timer.start(delay, () => this.#enqueue((run) => this.#subscribe(run)));
  }
}
