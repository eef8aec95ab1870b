/** The legacy lane: reads whole snapshots again and again, as the page did before Khala. */

import type { KhalaStatus, KhalaTopic, TopicStatus } from "khala-client";
import { type AnyKhalaError, asKhalaError } from "khala-client/errors";
import { Observable } from "khala-client/host/observable";
import { Timer } from "khala-client/host/timer";
import { sha256 } from "khala-client/sha256";
import { hasher } from "khala-client/topics/hash";
import { readSnapshot, type Snapshot } from "khala-client/topics/snapshot";
import { HttpApi } from "khala-client/wire/http";
import { readSession } from "../session";
import { type Summary, type SummaryDocument, TOPICS } from "../summary";
import type { Incident, Lane } from "./lane";

export const POLL_MS = 2_000;

export function legacyLane(): Lane {
  const connection = new Observable<KhalaStatus>({
    state: "connecting",
    attempt: 0,
    retryAt: null,
    error: null,
  });
  const topics = { runs: new PolledTopic(TOPICS.runs), workers: new PolledTopic(TOPICS.workers) };
  const abort = new AbortController();
  const timer = new Timer();
  let token = "";
  let isPolling = false;
  const supply = {
    http: new HttpApi(location.origin, fetch, () => token),
    hash: hasher(isSecureContext ? undefined : sha256),
    backoff: () => 0,
    signal: abort.signal,
  };

  const poll = async (): Promise<void> => {
    if (isPolling || abort.signal.aborted) {
      return;
    }
    isPolling = true;
    timer.stop();
    let missing: AnyKhalaError | null = null;
    try {
      ({ token } = await readSession());
      for (const topic of Object.values(topics)) {
        const snapshot = await readSnapshot(topic.name, supply);
        topic.take(snapshot);
        missing ??= snapshot.missing[0]?.error ?? null;
      }
      connection.set({ state: "connected", attempt: 0, retryAt: null, error: missing });
    } catch (thrown) {
      const error = asKhalaError(thrown, "transport", "the snapshots cannot be read");
      connection.set({
        state: error.code === "unauthorized" ? "needs-auth" : "disconnected",
        attempt: connection.get().attempt + 1,
        retryAt: Date.now() + POLL_MS,
        error,
      });
      for (const topic of Object.values(topics)) {
        topic.pause();
      }
    }
    isPolling = false;
    if (!abort.signal.aborted) {
      timer.start(POLL_MS, wake);
    }
  };

  const wake = () => void poll();
  addEventListener("online", wake, { signal: abort.signal });
  wake();
  return {
    name: "legacy",
    topics,
    connection: { getStatus: connection.get, onStatus: connection.subscribe, connect: wake },
    incidents: new Observable<readonly Incident[]>([]),
    close: () => {
      abort.abort();
      timer.stop();
    },
  };
}

class PolledTopic implements KhalaTopic<Summary> {
  readonly #documents = new Observable<readonly SummaryDocument[]>([]);
  readonly #status = new Observable<TopicStatus>({
    phase: "recovering",
    watermark: null,
    head: null,
    error: null,
  });

  constructor(readonly name: string) {}

  readonly getSnapshot = this.#documents.get;
  readonly getStatus = this.#status.get;
  readonly onStatus = this.#status.subscribe;

  readonly subscribe = (listener: (documents: readonly SummaryDocument[]) => void) => {
    const unsubscribe = this.#documents.subscribe(listener);
    listener(this.getSnapshot());
    return unsubscribe;
  };

  readonly get = (docKey: string): SummaryDocument | undefined =>
    this.getSnapshot().find((each) => each.docKey === docKey);

  take({ versions, watermark }: Snapshot): void {
    const before = this.getSnapshot();
    const known = new Map(before.map((each) => [each.docKey, each]));
    // A document that did not change stays the same object, so that nothing is drawn for it.
    const next = versions.map((each) => {
      const same = known.get(each.docKey);
      return same?.watermark === each.watermark && same.payloadHash === each.payloadHash
        ? same
        : (each as SummaryDocument);
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
