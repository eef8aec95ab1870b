/** The legacy lane: reads whole snapshots again and again, as the page did before Khala. */

import type { JsonObject, KhalaDocument, KhalaStatus, TopicStatus } from "khala-client";
import { type AnyKhalaError, asKhalaError } from "khala-client/errors";
import { Observable } from "khala-client/host/observable";
import { Timer } from "khala-client/host/timer";
import { sha256 } from "khala-client/sha256";
import { hasher } from "khala-client/topics/hash";
import { readSnapshot, type Snapshot } from "khala-client/topics/snapshot";
import { subsetOf } from "khala-client/topics/subset";
import { HttpApi } from "khala-client/wire/http";
import { TOPICS } from "../summary";
import { forgetToken, tokenFor } from "../tokens";
import { type Incident, type Lane, type LaneTopic, POLL_MS } from "./lane";

export function legacyLane(organisation: string): Lane {
  const connection = new Observable<KhalaStatus>({
    state: "connecting",
    attempt: 0,
    retryAt: null,
    error: null,
  });
  const topics = new Map<string, PolledTopic>();
  const abort = new AbortController();
  const timer = new Timer();
  let token = "";
  let isPolling = false;
  /** Somebody wants to see what is newer than the poll under way. */
  let isAsked = false;
  const supply = {
    http: new HttpApi(location.origin, fetch, () => token),
    hash: hasher(isSecureContext ? undefined : sha256),
    backoff: () => 0,
    signal: abort.signal,
  };

  const poll = async (): Promise<void> => {
    if (isPolling || abort.signal.aborted) {
      isAsked = true;
      return;
    }
    isPolling = true;
    isAsked = false;
    timer.stop();
    let missing: AnyKhalaError | null = null;
    try {
      token = await tokenFor(organisation);
      for (const topic of topics.values()) {
        if (!topic.isFollowed) {
          continue;
        }
        const snapshot = await readSnapshot(subsetOf(topic.name), supply);
        if (abort.signal.aborted) {
          return;
        }
        topic.take(snapshot);
        missing ??= snapshot.missing[0]?.error ?? null;
      }
      connection.set({ state: "connected", attempt: 0, retryAt: null, error: missing });
    } catch (thrown) {
      if (abort.signal.aborted) {
        return;
      }
      const error = asKhalaError(thrown, "transport", "the snapshots cannot be read");
      if (error.code === "unauthorized") {
        forgetToken(organisation);
      }
      connection.set({
        state: error.code === "unauthorized" ? "needs-auth" : "disconnected",
        attempt: connection.get().attempt + 1,
        retryAt: Date.now() + POLL_MS,
        error,
      });
      for (const topic of topics.values()) {
        topic.pause();
      }
    }
    isPolling = false;
    if (!abort.signal.aborted) {
      const isUp = connection.get().state === "connected";
      const isDue = isUp && (isAsked || [...topics.values()].some(waits));
      timer.start(isDue ? 0 : POLL_MS, wake);
    }
  };

  const wake = () => void poll();
  addEventListener("online", wake, { signal: abort.signal });
  const topic = (name: string): PolledTopic => {
    let found = topics.get(name);
    if (found === undefined) {
      found = new PolledTopic(name, wake);
      topics.set(name, found);
    }
    return found;
  };
  return {
    name: "legacy",
    topics: { runs: topic(TOPICS.runs), workers: topic(TOPICS.workers) },
    topic,
    connection: { getStatus: connection.get, onStatus: connection.subscribe, connect: wake },
    incidents: new Observable<readonly Incident[]>([]),
    close: () => {
      abort.abort();
      timer.stop();
    },
  };
}

/** Whether somebody waits for the first snapshot of a topic. */
function waits(topic: PolledTopic): boolean {
  return topic.isFollowed && topic.getStatus().watermark === null;
}

class PolledTopic implements LaneTopic {
  readonly #onFollowed: () => void;
  #followers = 0;
  readonly #documents = new Observable<readonly KhalaDocument[]>([]);
  readonly #status = new Observable<TopicStatus>({
    phase: "recovering",
    watermark: null,
    head: null,
    error: null,
  });

  constructor(
    readonly name: string,
    onFollowed: () => void,
  ) {
    this.#onFollowed = onFollowed;
  }

  get isFollowed(): boolean {
    return this.#followers > 0;
  }

  readonly getSnapshot = this.#documents.get;
  readonly getStatus = this.#status.get;
  readonly onStatus = this.#status.subscribe;

  readonly subscribe = (listener: (documents: readonly KhalaDocument<JsonObject>[]) => void) => {
    const unsubscribe = this.#documents.subscribe(listener);
    let isOver = false;
    if (++this.#followers === 1) {
      this.#onFollowed();
    }
    listener(this.getSnapshot());
    return () => {
      unsubscribe();
      if (!isOver) {
        isOver = true;
        this.#followers--;
      }
    };
  };

  readonly get = (docKey: string): KhalaDocument | undefined =>
    this.getSnapshot().find((each) => each.docKey === docKey);

  take({ versions, watermark }: Snapshot): void {
    const before = this.getSnapshot();
    const known = new Map(before.map((each) => [each.docKey, each]));
    // A document that did not change stays the same object, so that nothing is drawn for it.
    const next = versions.map((each) => {
      const same = known.get(each.docKey);
      return same?.watermark === each.watermark && same.payloadHash === each.payloadHash
        ? same
        : (each as KhalaDocument);
    });
    if (next.length !== before.length || next.some((each, index) => each !== before[index])) {
      this.#documents.set(next);
    }
    this.#status.patch({ phase: "live", watermark, head: watermark });
  }

  pause(): void {
    this.#status.patch({ phase: "idle" });
  }
}
