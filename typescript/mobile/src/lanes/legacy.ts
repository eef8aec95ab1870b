/** The legacy lane: reads the whole lists again and again, as the application did before Khala. */

import { Observable } from "khala-client/host/observable";
import { Timer } from "khala-client/host/timer";
import { RequestError, type Session } from "../account/session";
import { listRuns } from "../runs/api";
import { newestFirst, type Run } from "../runs/run";
import { listWorkers } from "../workers/api";
import { sorted, type Worker } from "../workers/worker";
import { CONNECTING, type Lane, type LaneStatus, subjects } from "./lane";

/** The time between two readings. */
export const POLL_MS = 12_000;

export function legacyLane(session: Session): Lane {
  const abort = new AbortController();
  const timer = new Timer();
  const workers = new Observable<readonly Worker[] | null>(null);
  const runs = new Observable<readonly Run[] | null>(null);
  const status = new Observable<LaneStatus>(CONNECTING);
  const followed = subjects(session);
  let isAwake = true;
  let polling: Promise<void> | null = null;

  const read = async () => {
    try {
      const { signal } = abort;
      await Promise.all([
        followed.workers && listWorkers(session, signal).then((all) => workers.set(sorted(all))),
        followed.runs && listRuns(session, signal).then((all) => runs.set(newestFirst(all))),
      ]);
      status.patch({ state: "polling", detail: "", seenAt: session.clock.now() });
    } catch (error) {
      if (!abort.signal.aborted) {
        status.patch(failed(error));
      }
    }
  };
  const poll = (): Promise<void> => {
    polling ??= read().finally(() => {
      polling = null;
      if (isAwake && !abort.signal.aborted) {
        timer.start(POLL_MS, () => void poll());
      }
    });
    return polling;
  };

  void poll();
  return {
    name: "legacy",
    workers,
    runs,
    status,
    refresh: poll,
    wake: () => {
      isAwake = true;
      void poll();
    },
    sleep: () => {
      isAwake = false;
      timer.stop();
    },
    close: async () => {
      abort.abort();
      timer.stop();
    },
  };
}

function failed(error: unknown): Pick<LaneStatus, "state" | "detail"> {
  const { status, message } =
    error instanceof RequestError ? error : new RequestError(0, "", String(error));
  const states = { 401: "signed-out", 403: "refused" } as const;
  return { state: states[status as keyof typeof states] ?? "offline", detail: message };
}
