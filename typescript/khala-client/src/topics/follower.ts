/** One topic's conversation: subscribe, take updates in, recover from a stale cursor. */

import { type AnyKhalaError, asKhalaError, FINAL, type StaleTopic } from "../errors.js";
import { Observable } from "../host/observable.js";
import { check, sleep, Timer } from "../host/timer.js";
import { type Cursor, makeQueue } from "../stores/store.js";
import type { KhalaClientOptions, KhalaDocument, TopicStatus } from "../types.js";
import type { OnReply } from "../wire/channel.js";
import { type Batch, type Update, watermarks } from "../wire/serializer.js";
import { DocumentCache, type Version } from "./cache.js";
import { Heads } from "./heads.js";
import { type Resolved, resolve } from "./hydrate.js";
import type { Link, Run } from "./link.js";
import { MissingDocuments } from "./missing.js";
import { Saver, type SaverOptions } from "./saver.js";
import { readSnapshot } from "./snapshot.js";
import { tellStale } from "./stale.js";
import type { Subset } from "./subset.js";

export interface FollowerOptions
  extends SaverOptions,
    Pick<KhalaClientOptions, "compact" | "onStaleCursor" | "partial"> {}

export class Follower {
  readonly name: string;
  readonly cache: DocumentCache;
  cursor: Cursor | null = null;
  readonly documents = new Observable<readonly KhalaDocument[]>([]);
  readonly status = new Observable<TopicStatus>({
    phase: "idle",
    watermark: null,
    head: null,
    error: null,
  });
  readonly saver: Saver;
  readonly #options: FollowerOptions;
  readonly #timer = new Timer();
  #loaded: Promise<void> | null = null;
  #run: Run | null = null;
  /** Work on this topic in order: nothing overtakes a pointer that is being fetched. */
  #queue = makeQueue();
  #attempt = 0;
  readonly #heads = new Heads();
  /** Of the newest documents: whether there are others than those that are here. */
  #hasMore = false;
  /** How many snapshots have replaced everything. */
  snapshots = 0;
  /** Everything up to here has come; the cursor stays below what is missing of it. */
  #seen = 0n;
  readonly #missing: MissingDocuments;

  constructor(
    readonly subset: Subset,
    options: FollowerOptions,
  ) {
    const { topic: name, newest } = subset;
    this.name = name;
    this.cache = new DocumentCache(newest);
    this.#options = options;
    this.saver = new Saver(name, options, this);
    this.#missing = new MissingDocuments(name, {
      known: this.#known,
      onError: options.onError,
      onFetched: (...fetched) =>
        this.#enqueue(async (run) => {
          this.#apply(run, ...this.#missing.still(...fetched));
          this.#advance();
        }),
    });
  }

  /** Begins with the stored documents; once. */
  load(): Promise<void> {
    this.#loaded ??= this.saver.load(this.#onPart).then((stored) => {
      if (stored !== null) {
        this.cache.replace(stored.versions);
        this.#moveTo(stored.cursor);
        // A tombstone has the place of one of the newest: nothing has come there when it was saved.
        this.#hasMore = stored.versions.length >= (this.subset.newest ?? Number.POSITIVE_INFINITY);
      }
    });
    return this.#loaded;
  }

  start(link: Link): void {
    this.stop();
    const abort = new AbortController();
    this.#run = { ...link, signal: abort.signal, stop: () => abort.abort() };
    this.#queue = makeQueue();
    this.#enqueue(async (run) => {
      await this.load();
      // What was missing comes again after the cursor.
      this.#seen = this.cursor?.watermark ?? 0n;
      await this.#subscribe(run);
    });
  }

  stop(): void {
    this.#run?.stop();
    this.#run = null;
    this.#heads.forget();
    this.#timer.stop();
    this.#missing.stop();
    this.#attempt = 0;
    this.status.patch({ phase: "idle" });
  }

  /** Ends the subscription, at the server too. */
  leave(): void {
    this.#run?.push("sync:unsubscribe", { topics: [this.name] });
    this.stop();
  }

  /** Whether everything is here that the server has by now: it says what it has when asked. */
  mark(): () => boolean {
    const { next } = this.#heads;
    return () => {
      const head = this.#heads.since(next);
      return head !== null && this.hasReached(head);
    };
  }

  /** Whether everything up to here is shown, by a cursor that the server has accepted. */
  hasReached(watermark: bigint): boolean {
    return this.#heads.isAccepted && this.cursor !== null && this.cursor.watermark >= watermark;
  }

  /** Has the server say what it has, and send what is not here: subscribes again once it is live. */
  ask(): void {
    this.#heads.want();
    this.#askAgain();
  }

  #askAgain(): void {
    this.#enqueue(async (run) => {
      if (this.#heads.isWanted && this.status.get().phase === "live") {
        await this.#subscribe(run);
      }
    });
  }

  /** Applies a page of updates. */
  take(batch: Batch): void {
    this.#enqueue(async (run) => {
      if (!this.#isServed()) {
        return;
      }
      const updates = batch.updates.filter((update) => update.topic === this.name);
      const resolved = await resolve(updates, this.#known, run);
      check(run.signal);
      // From here on nothing waits: documents and watermark move as one.
      this.#apply(run, updates, resolved);
      this.#advance(batch.covered.get(this.name), batch.heads.get(this.name));
      if (batch.replayComplete) {
        this.#attempt = 0;
        this.status.patch({ phase: "live" });
        run.onLive();
        this.#askAgain();
      }
      if (this.#hasMore && this.#isShort()) {
        // One of the newest documents was deleted: another one takes its place.
        await this.#recover(run);
        await this.#subscribe(run);
      }
    });
  }

  /** The server has sent everything up to this watermark. */
  cover(watermark: bigint): void {
    this.#enqueue(async () => {
      if (this.#isServed()) {
        this.#advance(watermark);
      }
    });
  }

  /** The server ended the subscription. */
  refuse(error: AnyKhalaError): void {
    this.#enqueue(async (run) => {
      // A topic that is being subscribed learns the same from the reply.
      if (this.#isServed()) {
        await this.#restart(run, error);
      }
    });
  }

  async #subscribe(run: Run): Promise<void> {
    if (this.cursor !== null && this.cursor.org !== run.readerOf(this.name)) {
      // A token that shows other documents: neither these nor this watermark count for it.
      this.cursor = null;
      this.cache.replace([]);
      this.status.patch({ watermark: null, head: null });
      this.#show();
    }
    const { epoch } = this.cursor ?? (await this.#recover(run));
    this.status.patch({ phase: "subscribing" });
    const { name } = this;
    const { filter } = this.subset;
    const request = {
      topics: [name],
      resume_after: { [name]: String(this.#seen) },
      epoch,
      compact: this.#options.compact ?? true,
      ...(filter && { filters: { [name]: filter } }),
    };
    const ask = this.#heads.ask();
    run.push("sync:subscribe", request, (...reply) =>
      this.#enqueue((own) => this.#subscribed(own, ask, ...reply)),
    );
  }

  async #subscribed(
    run: Run,
    ask: number,
    ...[response, error]: Parameters<OnReply>
  ): Promise<void> {
    if (error === null) {
      const head = watermarks(response, "head_watermarks").get(this.name);
      this.#heads.answered(ask, head ?? 0n);
      this.status.patch({ phase: "catching-up" });
      this.#advance(undefined, head);
      return;
    }
    if (error.code === "stale_cursor" && this.#attempt++ > 0) {
      // Stale again after a recovery: not at full speed for ever.
      await sleep(run.backoff(this.#attempt), run.signal);
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
    this.#heads.forget();
    this.status.patch({ phase: "recovering" });
    const own = stale.find(({ topic }) => topic === this.name);
    await tellStale(own, this.#options);
    if (this.cursor === null && this.documents.get().length > 0) {
      // Part of a snapshot that did not end, perhaps with the token of another organisation.
      this.cache.replace([]);
      this.#show();
    }
    const snapshot = await readSnapshot(this.subset, run, this.#onPart);
    check(run.signal);
    const { versions, missing, watermark, epoch } = snapshot;
    this.#missing.clear();
    this.status.patch({ error: this.#missing.add(missing, run) });
    this.#seen = watermark;
    const cursor = {
      watermark: this.#missing.complete(this.#seen),
      epoch,
      org: run.readerOf(this.name),
    };
    this.cache.replace(versions);
    this.snapshots++;
    this.#moveTo(cursor);
    this.#hasMore = !this.#isShort();
    this.saver.replaced(own?.reason === "cursor_ahead");
    return cursor;
  }

  /** Takes in what some updates stand for. */
  #apply(run: Run, updates: readonly Update[], { versions, missing }: Resolved): void {
    this.#missing.settle(updates);
    const applied = versions.filter((version) => this.cache.apply(version));
    this.saver.moved(applied);
    this.status.patch({ error: this.#missing.add(missing, run) });
    if (this.cache.trim()) {
      this.#hasMore = true;
      this.saver.replaced(false);
    }
    if (applied.length > 0) {
      this.#show();
    }
  }

  /** Shows some of the documents before there are all of them. */
  readonly #onPart = (versions: readonly Version[]): void => {
    // A store that was too slow may still bring parts after a snapshot has replaced everything.
    if (this.#options.partial === true && this.cursor === null) {
      for (const version of versions) {
        this.cache.apply(version);
      }
      this.#show();
    }
  };

  /** Whether there is room for further ones among the newest documents. */
  #isShort(): boolean {
    const count = this.documents.get().length + this.#missing.count;
    return this.subset.newest === null || count < this.subset.newest;
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
    if (covered > this.#seen) {
      this.#seen = covered;
    }
    let { watermark } = cursor;
    const complete = this.#missing.complete(this.#seen);
    if (complete > watermark) {
      watermark = complete;
      this.cursor = { ...cursor, watermark };
      this.saver.moved([]);
    }
    // The server sends its head now and then; it is certainly not below what was seen.
    this.status.patch({ watermark, head: head !== null && head > watermark ? head : watermark });
  }

  readonly #known = (docKey: string) => this.cache.get(docKey);

  // Messages of a subscription that ended must not count for the next one.
  #isServed(): boolean {
    const { phase } = this.status.get();
    return phase === "catching-up" || phase === "live";
  }

  #enqueue(work: (run: Run) => Promise<void>): void {
    const run = this.#run;
    if (run === null) {
      return;
    }
    void this.#queue(async () => {
      try {
        check(run.signal);
        await work(run);
      } catch (error) {
        if (!run.signal.aborted) {
          this.#fail(asKhalaError(error, "transport", this.name));
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
    const delay = this.#run?.backoff(this.#attempt++, error.retryAfterMs) ?? 0;
    this.#timer.start(delay, () => this.#enqueue((run) => this.#subscribe(run)));
  }
}
