/** Reading of `/api/runtime`: the history of a run or a worker, and the output of a run. */

import type { JsonObject } from "khala-client";
import { Timer } from "khala-client/host/timer";
import { useCallback, useEffect, useRef, useState } from "react";
import { AdminError, readAdmin } from "../admin";
import type { Kind } from "../summary";

export interface RuntimeEvent {
  readonly seq: number;
  readonly type: string;
  readonly payload: JsonObject;
  readonly occurred_at: string;
  readonly recorded_at: string;
}

interface EventPage {
  readonly events: readonly RuntimeEvent[];
  readonly next_after: number;
  readonly latest_seq: number;
}

export interface Timeline {
  /** Newest first, without holes. */
  readonly events: readonly RuntimeEvent[];
  readonly error: AdminError | null;
  /** Reads what came before; null: there is nothing, or too much is shown already. */
  readonly readEarlier: (() => void) | null;
}

const PAGE = 100;
const MOST = 1_000;
/** The least time between two readings: a run may report a few times a second. */
const EVERY_MS = 500;
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;

export function pathOf(kind: Kind, id: string): string {
  const of = kind === "runs" ? "runs" : "codex/workers";
  return `/api/runtime/${of}/${encodeURIComponent(id)}`;
}

/** The events up to `latestSeq`, read on whenever that grows. */
export function useTimeline(path: string, latestSeq: number): Timeline {
  const [events, setEvents] = useState<readonly RuntimeEvent[]>([]);
  const known = useRef(events);
  const latest = useRef(latestSeq);
  latest.current = latestSeq;
  const show = useCallback((next: readonly RuntimeEvent[]) => {
    known.current = next;
    setEvents(next);
  }, []);
  const readOn = useCallback(
    async (signal: AbortSignal): Promise<void> => {
      const reached = known.current[0]?.seq ?? 0;
      const after = Math.max(reached, latest.current - PAGE);
      const found = await readEvents(path, after, Number.POSITIVE_INFINITY, signal);
      if (found.length > 0) {
        // After a gap the older ones are left out, and can be read again.
        const older = after > reached ? [] : known.current;
        show([...found.reverse(), ...older].slice(0, Math.max(MOST, found.length)));
      }
    },
    [path, show],
  );
  const error = useReading(readOn, latestSeq);
  const oldest = events.at(-1)?.seq ?? 1;
  const readEarlier = async () => {
    const from = Math.max(0, oldest - 1 - PAGE);
    const found = await readEvents(path, from, oldest - 1, AbortSignal.timeout(LONGEST_RETRY_MS));
    // Unless others were read meanwhile.
    if (known.current.at(-1)?.seq === oldest) {
      show([...known.current, ...found.reverse()]);
    }
  };
  return {
    events,
    error,
    readEarlier:
      oldest > 1 && events.length < MOST
        ? // What fails is shown by the reading that goes on beside.
          () => void readEarlier().catch(() => undefined)
        : null,
  };
}

/** The last lines of a run's output; null as long as they are not known. */
export function useOutput(path: string | null, version: bigint): readonly string[] | null {
  const [lines, setLines] = useState<readonly string[] | null>(null);
  const read = useCallback(
    async (signal: AbortSignal): Promise<void> => {
      if (path !== null) {
        setLines((await readAdmin<{ last_lines: readonly string[] }>(path, signal)).last_lines);
      }
    },
    [path],
  );
  useReading(read, version);
  return lines;
}

/** The events after `after` up to `end`, in their order. */
async function readEvents(
  path: string,
  after: number,
  end: number,
  signal: AbortSignal,
): Promise<RuntimeEvent[]> {
  const found: RuntimeEvent[] = [];
  for (let from = after; from < end; ) {
    const limit = Math.min(PAGE, end - from);
    const query = `events?after=${from}&limit=${limit}`;
    const page = await readAdmin<EventPage>(`${path}/${query}`, signal);
    found.push(...page.events);
    from = page.next_after;
    if (page.events.length === 0 || from >= page.latest_seq) {
      break;
    }
  }
  return found;
}

/**
 * Calls `read` at first and whenever `version` changes, one call after the other. The error of the
 * last one; a server that does not respond is tried again.
 */
function useReading(
  read: (signal: AbortSignal) => Promise<void>,
  version: bigint | number,
): AdminError | null {
  const [error, setError] = useState<AdminError | null>(null);
  const wake = useRef<() => void>(() => undefined);
  useEffect(() => {
    const abort = new AbortController();
    const timer = new Timer();
    let isBusy = false;
    let isDue = false;
    let failures = 0;
    const run = async (): Promise<void> => {
      if (isBusy) {
        isDue = true;
        return;
      }
      isBusy = true;
      isDue = false;
      let wait = EVERY_MS;
      try {
        await read(abort.signal);
        failures = 0;
        setError(null);
      } catch (thrown) {
        if (abort.signal.aborted || !(thrown instanceof AdminError)) {
          return;
        }
        setError(thrown);
        // What is refused stays refused until something changes.
        isDue ||= thrown.status === 0 || thrown.status >= 429;
        wait = Math.min(RETRY_MS * 2 ** failures++, LONGEST_RETRY_MS);
      }
      timer.start(wait, () => {
        isBusy = false;
        if (isDue) {
          void run();
        }
      });
    };
    wake.current = () => void run();
    return () => {
      abort.abort();
      timer.stop();
    };
  }, [read]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version is what it reads for
  useEffect(() => wake.current(), [read, version]);
  return error;
}
