/** The program is told of a cursor that cannot be resumed from. */

import { isKhalaError, type StaleTopic } from "../errors.js";
import { report } from "../host/observable.js";
import { within } from "../host/timer.js";
import type { KhalaClientOptions } from "../types.js";

/** Calls `onStaleCursor`, whose failure the recovery does not depend on. */
export async function tellStale(
  stale: StaleTopic | undefined,
  { onStaleCursor, onError }: Pick<KhalaClientOptions, "onStaleCursor" | "onError">,
): Promise<void> {
  if (stale === undefined) {
    return;
  }
  try {
    await within(() => onStaleCursor?.(stale), "usage", "onStaleCursor");
  } catch (error) {
    isKhalaError(error, "usage") ? onError?.(error) : report(error);
  }
}
