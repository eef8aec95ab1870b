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
import { openStore } from "../stores/open";
import { listWorkers } from "../workers/api";
import { readWorker, sorted, TOPIC, type Worker } from "../workers/worker";
import { CONNECTING, type Lane, type LaneStatus } from "./lane";

export function khalaLane(session: Session): Lane {
  const abort = new AbortController();
  const workers = new Observable<readonly Worker[] | null>(null);
  const status = new Observable<LaneStatus>(CONNECTING);
  const khala = createKhalaClient({
    url: session.account.ws,
    httpUrl: session.account.http,
    token: session.renew,
    store: openStore(storeName(session.account)),
    // A device has no SubtleCrypto.
    ...(globalThis.crypto?.subtle === undefined && { sha256 }),
  });
  const topic = khala.topic(TOPIC);
  const shown = new Map<string, { readonly document: KhalaDocument; readonly worker: Worker }>();
  /** The last event of each worker, as the server said when it was asked; null before that. */
  let heads: ReadonlyMap<string, number> | null = null;

  const show = (documents: readonly KhalaDocument[]) => {
    const found = documents.map((document) => {
      const known = shown.get(document.docKey);
      const lag = lagOf(document.payload, heads);
      // A worker that did not change stays the same object, so that nothing is drawn for it.
      const worker =
        known?.document === document && known.worker.lag === lag
          ? known.worker
          : readWorker(document.payload, lag);
      shown.set(document.docKey, { document, worker });
      return worker;
    });
    workers.set(sorted(found));
  };
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
    const next = statusOf(khala.getStatus(), topic.getStatus());
    const isLive = next.state === "live";
    if (isLive && heads === null) {
      heads = new Map();
      void tryHeads();
    }
    const wasLive = status.get().state === "live";
    status.patch({ ...next, ...((isLive || wasLive) && { seenAt: session.clock.now() }) });
  };
  const ends = [topic.subscribe(show), topic.onStatus(look), khala.onStatus(look)];
  return {
    name: "khala",
    workers,
    status,
    refresh: async () => {
      khala.connect();
      await tryHeads();
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

function lagOf(document: JsonObject, heads: ReadonlyMap<string, number> | null): number | null {
  const seq = document["latest_seq"];
  const head = heads?.get(String(document["worker_id"])) ?? 0;
  return heads === null || typeof seq !== "number" ? null : Math.max(0, head - seq);
}

function statusOf(khala: KhalaStatus, topic: TopicStatus): Omit<LaneStatus, "seenAt"> {
  const error = topic.error ?? khala.error;
  const detail = error?.message ?? "";
  const { watermark, head } = topic;
  const behind = watermark === null || head === null ? null : Number(head - watermark);
  switch (khala.state) {
    case "connected":
      if (topic.phase === "error") {
        return { state: "refused", detail, behind: null };
      }
      return topic.phase === "live"
        ? { state: "live", detail, behind }
        : { state: "catching-up", detail, behind };
    case "needs-auth":
      return { state: "signed-out", detail, behind: null };
    case "error":
      return { state: "refused", detail, behind: null };
    default:
      // Between two tries it is as offline as before the first of them.
      return { state: khala.attempt > 0 ? "offline" : "connecting", detail, behind: null };
  }
}
