/** The lane that `khala flags` has for this surface, read at the start and watched after it. */

import { Observable } from "khala-client/host/observable";
import { Timer } from "khala-client/host/timer";
import type { Session } from "./account/session";
import { isObject } from "./json";
import { LANES, type LaneName } from "./lanes/lane";

const SURFACE = "mobile";
const WATCH_MS = 4_000;
/** The longest that the application waits for a flag before it starts without one. */
const START_MS = 2_000;

export class Flag {
  /** The flag's lane; null: there is no flag, or it could not be read yet. */
  readonly lane = new Observable<LaneName | null>(null);
  /** Whether the application may start: the flag was read, or cannot be read soon. */
  readonly isKnown = new Observable(false);
  readonly #session: Session;
  readonly #timer = new Timer();
  readonly #start = new Timer();
  #abort: AbortController | null = null;
  #etag = "";

  constructor(session: Session) {
    this.#session = session;
  }

  /** Reads the flag now, and watches it until `stop`. */
  watch(): void {
    if (!this.isKnown.get()) {
      this.#start.start(START_MS, () => this.isKnown.set(true));
    }
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    void this.#watch(abort.signal);
  }

  /** Stops watching, as while nobody looks. The flag stays as it was. */
  stop(): void {
    this.#abort?.abort();
    this.#timer.stop();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    try {
      await this.#read(signal);
    } catch {
      // The server is away, which the lane shows. The flag stays as it was.
    }
    if (!signal.aborted) {
      this.#start.stop();
      this.isKnown.set(true);
      this.#timer.start(WATCH_MS, () => void this.#watch(signal));
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { status, body, etag } = await this.#session.request("/api/sync/flags", {
      signal,
      ...(this.#etag && { headers: { "If-None-Match": this.#etag } }),
    });
    if (status === 200 && !signal.aborted) {
      const flags = isObject(body["flags"]) ? body["flags"] : {};
      this.#etag = etag;
      // No flag any more: the application keeps the lane that it has.
      const lane = LANES.find((each) => each === flags[SURFACE]) ?? this.lane.get();
      if (lane !== this.lane.get()) {
        this.lane.set(lane);
      }
    }
  }
}
