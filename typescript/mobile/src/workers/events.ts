/** The latest events of one worker, read on whenever its document says that there are more. */

import { Observable } from "khala-client/host/observable";
import { makeBackoff, Timer } from "khala-client/host/timer";
import { RequestError, type Session } from "../account/session";
import { listEvents, type WorkerEvent } from "./api";

/** The number of events that are kept. */
export const KEPT = 80;

export interface Feed {
  /** The newest first. */
  readonly events: readonly WorkerEvent[];
  readonly isRead: boolean;
  readonly error: string | null;
}

export class EventFeed {
  readonly feed = new Observable<Feed>({ events: [], isRead: false, error: null });
  readonly #session: Session;
  readonly #worker: string;
  #abort: AbortController | null = null;
  readonly #timer = new Timer();
  readonly #backoff = makeBackoff({ baseMs: 1_000 });
  #wanted = -1;
  #known = 0;
  #attempt = 0;
  #isReading = false;

  constructor(session: Session, worker: string) {
    this.#session = session;
    this.#worker = worker;
  }

  /** The worker's document includes this event: reads what is new up to there. */
  follow(seq: number): void {
    if (seq > this.#wanted) {
      this.#wanted = seq;
      void this.#read();
    }
  }

  /** Reads again what could not be read, without waiting. */
  again(): void {
    if (this.feed.get().error !== null) {
      void this.#read();
    }
  }

  /** Begins, or goes on after a `close`. */
  open(): void {
    this.#abort = new AbortController();
    void this.#read();
  }

  close(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#timer.stop();
  }

  async #read(): Promise<void> {
    const signal = this.#abort?.signal;
    if (this.#isReading || signal === undefined) {
      return;
    }
    this.#isReading = true;
    this.#timer.stop();
    try {
      while (this.#known < this.#wanted) {
        await this.#readPage(signal);
      }
      this.#attempt = 0;
      this.feed.patch({ error: null, isRead: this.#wanted >= 0 });
    } catch (error) {
      if (!signal.aborted) {
        this.feed.patch({ error: error instanceof Error ? error.message : String(error) });
        const least = error instanceof RequestError ? error.retryAfterMs : 0;
        this.#timer.start(this.#backoff(this.#attempt++, least), () => void this.#read());
      }
    }
    this.#isReading = false;
    if (signal.aborted) {
      // Closed meanwhile, and perhaps opened again.
      void this.#read();
    }
  }

  async #readPage(signal: AbortSignal): Promise<void> {
    const after = Math.max(this.#known, this.#wanted - KEPT);
    const page = await listEvents(this.#session, this.#worker, after, KEPT, signal);
    if (page.events.length === 0) {
      // The history was replaced by a shorter one: there is nothing to wait for.
      this.#known = this.#wanted;
      return;
    }
    this.#known = page.nextAfter;
    const events = [...page.events].reverse().concat(this.feed.get().events).slice(0, KEPT);
    this.feed.patch({ events });
  }
}
