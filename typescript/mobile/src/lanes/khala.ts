/** The Khala lane: live over the WebSocket, kept in a store of the account. */

import {
  createKhalaClient,
  type JsonObject,
  type KhalaDocument,
  type KhalaStatus,
  type TopicStatus,
} from "khala-client";
import { Observable } from "khala-client/host/observable";
import { sha256 } from "khala-client/sha256";
import { storeName } from "../account/account";
import type { Session } from "../account/session";
import { newestFirst, RUNS, type Run, readRun } from "../runs/run";
import { openStore } from "../stores/open";
import { listWorkers } from "../workers/api";
import { readWorker, sorted, TOPIC, type Worker } from "../workers/worker";
import { CONNECTING, type Lane, type LaneStatus, subjects } from "./lane";

export function khalaLane(session: Session): Lane {
  const abort = new AbortController();
  const workers = new Observable<readonly Worker[] | null>(null);
  const runs = new Observable<readonly Run[] | null>(null);
  const status = new Observable<LaneStatus>(CONNECTING);
  const khala = createKhalaClient({
    // The state of the connection and of each list is on the screen.
    onError: () => undefined,
    url: session.account.ws,
    httpUrl: session.account.http,
    token: session.renew,
    store: openStore(storeName(session.account)),
    // A device has no SubtleCrypto.
    ...(globalThis.crypto?.subtle === undefined && { sha256 }),
  });
  const topic = khala.topic(TOPIC);
  const runTopic = khala.topic(RUNS);
  const followed = subjects(session);
  const topics = [...(followed.workers ? [topic] : []), ...(followed.runs ? [runTopic] : [])];
  /** The last event of each worker, as the server said when it was asked; null before that. */
  let heads: ReadonlyMap<string, number> | null = null;
  const readWorkers = reader(
    (document) => readWorker(document.payload, lagOf(document.payload, heads)),
    (worker, { payload }) => worker.lag === lagOf(payload, heads),
  );
  const readRuns = reader(({ payload }) => readRun(payload));

  const show = (documents: readonly KhalaDocument[]) => workers.set(sorted(readWorkers(documents)));
  const showRuns = (documents: readonly KhalaDocument[]) =>
    runs.set(newestFirst(readRuns(documents)));
  const readHeads = async () => {
    const found = await listWorkers(session, abort.signal);
    heads = new Map(found.map(({ id, seq, lag }) => [id, seq + (lag ?? 0)]));
    if (workers.get() !== null) {
      show(topic.getSnapshot());
    }
  };
  // The lag stays unknown where it cannot be read; the connection says what is wrong.
  const tryHeads = () => readHeads().catch(() => undefined);
  const look = () => {
    const next = statusOf(
      khala.getStatus(),
      topics.map((each) => each.getStatus()),
    );
    const isLive = next.state === "live";
    if (isLive && heads === null && followed.workers) {
      heads = new Map();
      void tryHeads();
    }
    const wasLive = status.get().state === "live";
    status.patch({ ...next, ...((isLive || wasLive) && { seenAt: session.clock.now() }) });
  };
  const ends = [
    ...(followed.workers ? [topic.subscribe(show)] : []),
    ...(followed.runs ? [runTopic.subscribe(showRuns)] : []),
    ...topics.map((each) => each.onStatus(look)),
    khala.onStatus(look),
  ];
  return {
    name: "khala",
    workers,
    runs,
    status,
    refresh: async () => {
      khala.connect();
      if (followed.workers) {
        await tryHeads();
      }
    },
    wake: () => khala.connect(),
    sleep: () => {
      // What is not saved comes again.
      khala.flush().catch(() => undefined);
    },
    close: async () => {
      abort.abort();
      for (const end of ends) {
        end();
      }
      // Only saving can fail here, and what is not saved comes again.
      await khala.close().catch(() => undefined);
    },
  };
}

/**
 * Reads documents. What did not change stays the same object, so that nothing is drawn for it.
 * isStill: whether what was read from the same document before is still right.
 */
function reader<T>(
  read: (document: KhalaDocument) => T,
  isStill: (value: T, document: KhalaDocument) => boolean = () => true,
): (documents: readonly KhalaDocument[]) => readonly T[] {
  let known: ReadonlyMap<KhalaDocument, T> = new Map();
  return (documents) => {
    known = new Map(
      documents.map((document) => {
        const value = known.get(document);
        return [document, value !== undefined && isStill(value, document) ? value : read(document)];
      }),
    );
    return [...known.values()];
  };
}

function lagOf(document: JsonObject, heads: ReadonlyMap<string, number> | null): number | null {
  const seq = document["latest_seq"];
  const head = heads?.get(String(document["worker_id"])) ?? 0;
  return heads === null || typeof seq !== "number" ? null : Math.max(0, head - seq);
}

function statusOf(khala: KhalaStatus, topics: readonly TopicStatus[]): Omit<LaneStatus, "seenAt"> {
  const error = topics.find((topic) => topic.error !== null)?.error ?? khala.error;
  const detail = error?.message ?? "";
  switch (khala.state) {
    case "connected":
      if (topics.some(({ phase }) => phase === "error")) {
        return { state: "refused", detail, behind: null };
      }
      return topics.every(({ phase }) => phase === "live")
        ? { state: "live", detail, behind: behindOf(topics) }
        : { state: "catching-up", detail, behind: behindOf(topics) };
    case "needs-auth":
      return { state: "signed-out", detail, behind: null };
    case "error":
      return { state: "refused", detail, behind: null };
    default:
      // Between two tries it is as offline as before the first of them.
      return { state: khala.attempt > 0 ? "offline" : "connecting", detail, behind: null };
  }
}

/** The number of changes that are missing in all; null when it is unknown for one of them. */
function behindOf(topics: readonly TopicStatus[]): number | null {
  return topics.reduce<number | null>(
    (sum, { watermark, head }) =>
      sum === null || watermark === null || head === null ? null : sum + Number(head - watermark),
    0,
  );
}
