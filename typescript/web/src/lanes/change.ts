/** A change of the lane under an open page, which neither loses its place nor an update. */

import { Timer } from "khala-client/host/timer";
import { useEffect, useRef, useState } from "react";
import type { Session } from "../session";
import { type Lane, type LaneName, openLane } from "./lane";

/** The longest that the new lane may take to reach where the old one ended. */
const CATCH_UP_MS = 10_000;

/** The wait after a lane whose code could not be loaded. */
const AGAIN_MS = 3_000;
const ended = new WeakSet<Lane>();

/**
 * The lane that is shown: `name`, or the one before it until `name` has what that has shown. name:
 * null wants none; one that is open stays so.
 */
export function useLane(
  name: LaneName | null,
  session: Session,
  organisation: string,
  followed: readonly string[],
): Lane | null {
  const [shown, setShown] = useState<Lane | null>(null);
  const now = useRef({ shown, followed });
  now.current = { shown, followed };
  useEffect(() => () => shown?.close(), [shown]);
  useEffect(() => {
    const { shown: before } = now.current;
    if (name === null || (before?.name === name && !ended.has(before))) {
      return undefined;
    }
    const abort = new AbortController();
    const timer = new Timer();
    const change = async () => {
      const lane = await openLane(name, session, organisation);
      if (before !== null && !abort.signal.aborted) {
        await caughtUp(before, lane, now.current.followed, abort.signal);
      }
      if (abort.signal.aborted) {
        lane.close();
      } else {
        setShown(lane);
      }
    };
    // What fails is the loading of its code, while the server is away.
    const tryIt = () => {
      change().catch(() => abort.signal.aborted || timer.start(AGAIN_MS, tryIt));
    };
    tryIt();
    return () => {
      timer.stop();
      abort.abort();
    };
  }, [name, session, organisation]);
  return shown;
}

/**
 * Resolves when the new lane has all that the old one has shown. The old one goes on until the new
 * one is live; then it ends, so that there is a position to reach.
 */
function caughtUp(
  before: Lane,
  after: Lane,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const topics = names.map((name) => [before.topic(name), after.topic(name)] as const);
    const ends: (() => void)[] = [];
    const done = () => {
      for (const end of ends) {
        end();
      }
      resolve();
    };
    const look = () => {
      if (topics.some(([, topic]) => topic.getStatus().phase !== "live")) {
        return;
      }
      // From here on the old one shows nothing more: there is a position to reach.
      const isFirst = !ended.has(before);
      if (isFirst) {
        ended.add(before);
        before.close();
        const timer = setTimeout(done, CATCH_UP_MS);
        ends.push(() => clearTimeout(timer));
      }
      const isBehind = topics.some(([old, topic]) => {
        const [reached, own] = [old.getStatus().watermark, topic.getStatus().watermark];
        return reached !== null && own !== null && own < reached;
      });
      if (!isBehind) {
        done();
      } else if (isFirst) {
        after.connection.connect();
      }
    };
    signal.addEventListener("abort", done);
    for (const [, topic] of topics) {
      ends.push(
        topic.subscribe(() => undefined),
        topic.onStatus(look),
      );
    }
    look();
  });
}
