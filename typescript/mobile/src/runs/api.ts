/** Runs over HTTP, for the lane that has no socket. */

import { isKhalaError } from "khala-client/errors";
import { sha256 } from "khala-client/sha256";
import { hasher } from "khala-client/topics/hash";
import { readSnapshot } from "khala-client/topics/snapshot";
import { subsetOf } from "khala-client/topics/subset";
import { HttpApi } from "khala-client/wire/http";
import { RequestError, type Session } from "../account/session";
import { RUNS, type Run, readRun } from "./run";

const STATUSES = { unauthorized: 401, forbidden_topic: 403 } as const;

/** All runs of the organisation as they are now. Throws RequestError. */
export function listRuns(session: Session, signal: AbortSignal): Promise<readonly Run[]> {
  return session.authorised(async (token) => {
    try {
      const { versions } = await readSnapshot(subsetOf(RUNS), {
        http: new HttpApi(session.account.http, fetch, () => token),
        hash: hasher(globalThis.crypto?.subtle === undefined ? sha256 : undefined),
        backoff: () => 0,
        signal,
      });
      return versions.flatMap(({ payload }) => (payload === null ? [] : readRun(payload)));
    } catch (error) {
      if (!isKhalaError(error)) {
        throw error;
      }
      const status = STATUSES[error.code as keyof typeof STATUSES] ?? 0;
      throw new RequestError(status, error.code, error.message, error.retryAfterMs);
    }
  });
}
