/** The Khala lane: live over the WebSocket, kept in IndexedDB. */

import { createKhalaClient, indexedDbStore, type KhalaTopic, type StaleTopic } from "khala-client";
import { Observable } from "khala-client/host/observable";
import { type Session, SignedOutError } from "../session";
import { type Summary, TOPICS } from "../summary";
import { newToken } from "../tokens";
import type { Incident, Lane } from "./lane";

const KEPT_INCIDENTS = 20;

export function khalaLane(session: Session, organisation: string): Lane {
  const incidents = new Observable<readonly Incident[]>([]);
  const khala = createKhalaClient({
    url: session.ws,
    httpUrl: location.origin,
    // A new one at every connect: a server that was restarted may have other keys.
    token: () => newToken(organisation).catch(noneIfSignedOut),
    store: indexedDbStore({ name: `khala-admin-${organisation}` }),
    partial: true,
    onStaleCursor: (stale) => began(incidents, stale, khala.topic(stale.topic)),
    onError: (error) => {
      // Every other one is on the page; without the store only a reload takes longer.
      if (error.code === "store") {
        // biome-ignore lint/suspicious/noConsole: for developers who look into slow reloads
        console.warn(error);
      }
    },
  });
  const topics = {
    runs: khala.topic<Summary>(TOPICS.runs),
    workers: khala.topic<Summary>(TOPICS.workers),
  };
  return {
    name: "khala",
    topics,
    topic: khala.topic,
    connection: khala,
    incidents,
    close: () => {
      // Only saving can fail here, and unsaved updates are replayed next time.
      khala.close().catch(() => undefined);
    },
  };
}

function noneIfSignedOut(error: unknown): null {
  if (error instanceof SignedOutError) {
    return null;
  }
  throw error;
}

function began(
  incidents: Observable<readonly Incident[]>,
  stale: StaleTopic,
  topic: KhalaTopic,
): void {
  const { name } = topic;
  const isOpen = (each: Incident) => each.topic === name && each.recoveredAt === null;
  const incident = {
    topic: name,
    reason: stale.reason ?? "unknown",
    recoveredAt: null,
    documents: 0,
  };
  const others = incidents.get().filter((each) => !isOpen(each));
  incidents.set([...others, incident].slice(-KEPT_INCIDENTS));
  const unsubscribe = topic.onStatus(({ phase }) => {
    if (phase === "live") {
      unsubscribe();
      const ended = { recoveredAt: Date.now(), documents: topic.getSnapshot().length };
      incidents.set(incidents.get().map((each) => (isOpen(each) ? { ...each, ...ended } : each)));
    }
  });
}
