/** The Khala lane: live over the WebSocket, kept in IndexedDB. */

import { createKhalaClient, indexedDbStore, type StaleTopic } from "khala-client";
import { Observable } from "khala-client/host/observable";
import { readSession, type Session } from "../session";
import { KINDS, type Kind, type Summary, TOPICS } from "../summary";
import type { Incident, Lane } from "./lane";

const KEPT_INCIDENTS = 20;

export function khalaLane(session: Session): Lane {
  const incidents = new Observable<readonly Incident[]>([]);
  const khala = createKhalaClient({
    url: session.ws,
    httpUrl: location.origin,
    // Read again at every connect: a restarted `khala dev` signs another token.
    token: async () => (await readSession()).token,
    store: indexedDbStore({ name: `khala-admin-${session.organisation}` }),
    onStaleCursor: (stale) => began(incidents, stale),
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
  for (const kind of KINDS) {
    topics[kind].onStatus(({ phase }) => {
      if (phase === "live") {
        ended(incidents, kind, topics[kind].getSnapshot().length);
      }
    });
  }
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

function began(incidents: Observable<readonly Incident[]>, stale: StaleTopic): void {
  const kind = KINDS.find((each) => TOPICS[each] === stale.topic);
  if (kind !== undefined) {
    const incident = { kind, reason: stale.reason ?? "unknown", recoveredAt: null, documents: 0 };
    const unlike = incidents.get().filter((each) => each.kind !== kind || each.recoveredAt);
    incidents.set([...unlike, incident].slice(-KEPT_INCIDENTS));
  }
}

function ended(incidents: Observable<readonly Incident[]>, kind: Kind, documents: number): void {
  const open = (each: Incident) => each.kind === kind && each.recoveredAt === null;
  if (incidents.get().some(open)) {
    const recoveredAt = Date.now();
    incidents.set(
      incidents.get().map((each) => (open(each) ? { ...each, recoveredAt, documents } : each)),
    );
  }
}
