/** Reading of `/api/admin`: what the page knows of the database beside live documents. */

import { Timer } from "khala-client/host/timer";
import { useCallback, useEffect, useRef, useState } from "react";
import { place } from "./place";
import { errorOf, type Session, SignedOutError } from "./session";
import { authorized } from "./tokens";

/** A watermark or a version; a string above 2^53. */
export type Position = number | string;

export class AdminError extends Error {
  constructor(
    message: string,
    /** 0: no response came. */
    readonly status: number,
  ) {
    super(message);
  }
}

export interface Admin<T> {
  /** The last that was read, also while reading it again fails; null: nothing yet. */
  readonly data: T | null;
  readonly error: AdminError | null;
  /** When `data` was read, in milliseconds since 1970. */
  readonly readAt: number | null;
  readonly refresh: () => void;
}

interface Read<T> {
  readonly path: string | null;
  readonly data: T | null;
  readonly error: AdminError | null;
  readonly readAt: number | null;
}

const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;
const LONGEST_READ_MS = 20_000;
const MOST_KEPT = 20;

/** The last reading of each path, by reader and path: a view that is opened again begins with it. */
const kept = new Map<string, Read<unknown>>();

/** The organisation that is shown where the address names none. */
let first = "";

/** Reads for this session from now on. */
export function readAs({ organisation }: Session): void {
  first = organisation;
}

/** The organisation that is shown: whose token reads, for a session may be for some only. */
function reader(): string {
  return place.get().organisation ?? first;
}

/** One reading. Throws AdminError, or what aborted it. */
export async function readAdmin<T>(path: string, signal: AbortSignal): Promise<T> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_READ_MS)]);
  try {
    const response = await authorized(reader(), (token) =>
      fetch(path, {
        headers: { Authorization: `Bearer ${token}` },
        cache: "no-store",
        signal: within,
      }),
    );
    if (!response.ok) {
      throw new AdminError(await errorOf(response), response.status);
    }
    // The shape of each response is agreed: docs/reference/admin-page.md.
    return (await response.json()) as T;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AdminError) {
      throw error;
    }
    const isOut = error instanceof SignedOutError;
    throw new AdminError(isOut ? error.message : "the server does not respond", isOut ? 401 : 0);
  }
}

/**
 * What `path` returns, read again at an interval while the page is visible. everyMs: 0 reads it
 * once. path: null reads nothing. A reading that fails is tried again, and keeps the data.
 */
export function useAdmin<T>(path: string | null, everyMs: number): Admin<T> {
  const [state, setState] = useState<Read<T>>(() => begin<T>(path));
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    setState(begin<T>(path));
    if (path === null) {
      return undefined;
    }
    const abort = new AbortController();
    const timer = new Timer();
    let failures = 0;
    let isReading = false;
    const read = async (): Promise<void> => {
      if (isReading || document.hidden) {
        return;
      }
      isReading = true;
      timer.stop();
      let wait = everyMs;
      try {
        const data = await readAdmin<T>(path, abort.signal);
        failures = 0;
        const next = { path, data, error: null, readAt: Date.now() };
        keep(`${reader()} ${path}`, next);
        setState(next);
      } catch (error) {
        if (abort.signal.aborted || !(error instanceof AdminError)) {
          return;
        }
        wait = Math.min(Math.max(everyMs, RETRY_MS) * 2 ** failures++, LONGEST_RETRY_MS);
        setState((before) => ({ ...before, path, error }));
      } finally {
        isReading = false;
      }
      if (wait > 0) {
        timer.start(wait, wake);
      }
    };
    const wake = () => void read();
    again.current = wake;
    addEventListener("online", wake, { signal: abort.signal });
    document.addEventListener("visibilitychange", wake, { signal: abort.signal });
    wake();
    return () => {
      timer.stop();
      abort.abort();
    };
  }, [path, everyMs]);
  const refresh = useCallback(() => again.current(), []);
  // The first drawing after a change of the path comes before its effect.
  const { data, error, readAt } = state.path === path ? state : begin<T>(path);
  return { data, error, readAt, refresh };
}

function begin<T>(path: string | null): Read<T> {
  const found = path === null ? undefined : kept.get(`${reader()} ${path}`);
  return (found as Read<T> | undefined) ?? { path, data: null, error: null, readAt: null };
}

function keep(key: string, read: Read<unknown>): void {
  kept.delete(key);
  kept.set(key, read);
  const [oldest] = kept.keys();
  if (kept.size > MOST_KEPT && oldest !== undefined) {
    kept.delete(oldest);
  }
}
