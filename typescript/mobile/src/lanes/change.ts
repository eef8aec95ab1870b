/** A change of the lane under an open application, which neither loses its place nor goes back. */

import { Timer } from "khala-client/host/timer";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Session } from "../account/session";
import { type Lane, type LaneName, loadLane } from "./lane";

/** The longest that the new lane may take to reach what the old one has shown. */
const CATCH_UP_MS = 10_000;
/** The wait after a lane whose code could not be loaded. */
const AGAIN_MS = 3_000;

interface ShownLane {
  readonly lane: Lane | null;
  /** Ends every lane, also one that is on its way; from then on none is opened, and none saves. */
  readonly leave: () => Promise<void>;
}

/** The lane that is shown: `name`, or the one before it until `name` has what that has shown. */
export function useLane(name: LaneName | null, session: Session): ShownLane {
  const [shown, setShown] = useState<Lane | null>(null);
  const before = useRef<Lane | null>(null);
  const open = useRef(new Set<Lane>());
  const isLeft = useRef(false);
  useEffect(() => {
    before.current = shown;
    return () => {
      if (shown !== null) {
        void shown.close().then(() => open.current.delete(shown));
      }
    };
  }, [shown]);
  useEffect(() => {
    const old = before.current;
    if (name === null || old?.name === name) {
      return undefined;
    }
    const abort = new AbortController();
    const timer = new Timer();
    const change = async () => {
      const make = await loadLane(name);
      if (abort.signal.aborted || isLeft.current) {
        return;
      }
      const lane = make(session);
      open.current.add(lane);
      if (old !== null && !abort.signal.aborted) {
        await caughtUp(old, lane, abort.signal);
      }
      if (abort.signal.aborted) {
        await lane.close();
        open.current.delete(lane);
      } else {
        setShown(lane);
      }
    };
    // What fails is the loading of its code, while the server of the web page is away.
    const tryIt = () => {
      change().catch(() => abort.signal.aborted || timer.start(AGAIN_MS, tryIt));
    };
    tryIt();
    return () => {
      timer.stop();
      abort.abort();
    };
  }, [name, session]);
  const leave = useCallback(async () => {
    isLeft.current = true;
    await Promise.all(Array.from(open.current, (lane) => lane.close()));
  }, []);
  return { lane: shown, leave };
}

/**
 * Resolves when the new lane has all that the old one shows. The old one goes on until then, except
 * that it has only so long once the new one is current.
 */
function caughtUp(before: Lane, after: Lane, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = new Timer();
    let isTimed = false;
    const ends: (() => void)[] = [() => timer.stop()];
    const done = () => {
      for (const end of ends) {
        end();
      }
      resolve();
    };
    const look = () => {
      const { state } = after.status.get();
      if (state !== "live" && state !== "polling") {
        return;
      }
      if (
        has(after.workers.get(), before.workers.get()) &&
        has(after.runs.get(), before.runs.get())
      ) {
        done();
      } else if (!isTimed) {
        isTimed = true;
        timer.start(CATCH_UP_MS, done);
        after.wake();
      }
    };
    signal.addEventListener("abort", done);
    ends.push(
      after.status.subscribe(look),
      after.workers.subscribe(look),
      after.runs.subscribe(look),
    );
    look();
  });
}

/** Whether a list has everything that another one shows. */
function has(after: Shown, before: Shown): boolean {
  const reached = new Map(after?.map(({ id, seq }) => [id, seq]));
  return (before ?? []).every(({ id, seq }) => {
    const own = reached.get(id);
    // What is not there has been deleted.
    return own === undefined || own >= seq;
  });
}

type Shown = readonly { readonly id: string; readonly seq: number }[] | null;
