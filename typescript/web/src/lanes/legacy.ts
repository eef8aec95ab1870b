/** The legacy lane: asks for whole snapshots again and again, as the page did before Khala. */

import {
  type AnyKhalaError,
  KhalaError,
  type KhalaStatus,
  type KhalaTopic,
  type TopicStatus,
} from "khala-client";
import { Observable } from "../observable";
import { readSession } from "../session";
import { KINDS, type Kind, type Summary, type SummaryDocument, TOPICS } from "../summary";
import type { Incident, Lane } from "./lane";
import { readSnapshot } from "./snapshot-http";

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
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isPolling = false;

  const poll = async (): Promise<void> => {
    if (isPolling || abort.signal.aborted) {
      return;
    }
    isPolling = true;
    clearTimeout(timer);
    try {
      await read(topics, abort.signal);
      connection.set({ state: "connected", attempt: 0, retryAt: null, error: null });
    } catch (thrown) {
      const error = asError(thrown);
      connection.set({
        state: error.code === "unauthorized" ? "needs-auth" : "disconnected",
        attempt: connection.get().attempt + 1,
        retryAt: Date.now() + POLL_MS,
        error,
      });
      for (const kind of KINDS) {
        topics[kind].pause();
      }
    }
    isPolling = false;
    if (!abort.signal.aborted) {
      timer = setTimeout(() => void poll(), POLL_MS);
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
      clearTimeout(timer);
    },
  };
}

async function read(
  topics: Readonly<Record<Kind, PolledTopic>>,
  signal: AbortSignal,
): Promise<void> {
  const { token } = await readSession();
  for (const kind of KINDS) {
    const { documents, watermark } = await readSnapshot(TOPICS[kind], token, signal);
    topics[kind].take(documents, watermark);
  }
}

function asError(thrown: unknown): AnyKhalaError {
  if (thrown instanceof KhalaError) {
    return thrown as AnyKhalaError;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new KhalaError("transport", message, {}, 0, { cause: thrown }) as AnyKhalaError;
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

  take(documents: readonly SummaryDocument[], watermark: bigint): void {
    const known = new Map(this.getSnapshot().map((each) => [each.docKey, each]));
    // What did not change stays the same object, so that nothing is drawn for it.
    const next = documents.map((each) => {
      const before = known.get(each.docKey);
      return before?.watermark === each.watermark && before.payloadHash === each.payloadHash
        ? before
        : each;
    });
    const before = this.getSnapshot();
    if (next.length !== before.length || next.some((each, index) => each !== before[index])) {
      this.#documents.set(next);
    }
    this.#status.set({ phase: "live", watermark, head: watermark, error: null });
  }

  pause(): void {
    this.#status.set({ ...this.#status.get(), phase: "idle" });
  }
}
