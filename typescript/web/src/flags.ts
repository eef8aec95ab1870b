/** The lane that `khala flags` has for this surface, read at the start and watched after it. */

import { Observable } from "khala-client/host/observable";
import { Timer } from "khala-client/host/timer";
import type { LaneName } from "./lanes/lane";
import { isObject } from "./summary";
import { authorized } from "./tokens";

const SURFACE = "web";
export const LANES: readonly LaneName[] = ["khala", "legacy"];
const WATCH_MS = 3_000;
/** The longest that the page waits for a flag before it starts without one. */
const START_MS = 2_000;

/** The flag's lane; null: there is no flag, or it could not be read yet. */
export const flag = new Observable<LaneName | null>(null);

/**
 * Watches the flag until the page is gone; resolves when it was read for the first time, or cannot
 * be read soon. A flag that cannot be read any more stays as it was.
 */
export function watchFlag(organisation: string): Promise<void> {
  const timer = new Timer();
  let etag = "";
  let isReading = false;

  const read = async (): Promise<void> => {
    const response = await authorized(organisation, (token) =>
      fetch("/api/sync/flags", {
        headers: { Authorization: `Bearer ${token}`, ...(etag && { "If-None-Match": etag }) },
        cache: "no-store",
        signal: AbortSignal.timeout(START_MS),
      }),
    );
    if (response.status === 200) {
      const body: unknown = await response.json();
      const flags = isObject(body) && isObject(body["flags"]) ? body["flags"] : {};
      etag = response.headers.get("ETag") ?? "";
      // No flag any more: the page keeps the lane that it has.
      flag.set(LANES.find((each) => each === flags[SURFACE]) ?? flag.get());
    }
  };
  const watch = async (): Promise<void> => {
    if (isReading || document.hidden) {
      return;
    }
    isReading = true;
    timer.stop();
    try {
      await read();
    } catch {
      // The server is away, which the page shows by its lane.
    }
    isReading = false;
    timer.start(WATCH_MS, again);
  };
  const again = () => void watch();
  addEventListener("online", again);
  document.addEventListener("visibilitychange", again);
  timer.start(WATCH_MS, again);
  return read().catch(() => undefined);
}
