/** A lane brings the workers and the runs to the application. Everything that shows them knows only this. */

import type { Observable } from "khala-client/host/observable";
import { mayRead } from "../account/account";
import type { Session } from "../account/session";
import { RUNS, type Run } from "../runs/run";
import { TOPIC, type Worker } from "../workers/worker";

export type LaneName = "khala" | "legacy";
export const LANES: readonly LaneName[] = ["khala", "legacy"];

/** `refused`: trying again would end the same way; `detail` says what to do. */
export type LaneState =
  | "connecting"
  | "catching-up"
  | "live"
  | "polling"
  | "offline"
  | "signed-out"
  | "refused";

export interface LaneStatus {
  readonly state: LaneState;
  /** Why it is not live; empty when nothing is to be said. */
  readonly detail: string;
  /** The number of changes that the server has and this device has not; null when unknown. */
  readonly behind: number | null;
  /** When all that is shown was last as the server has it, by its clock; null when not yet. */
  readonly seenAt: number | null;
}

export const CONNECTING: LaneStatus = {
  state: "connecting",
  detail: "",
  behind: null,
  seenAt: null,
};

export interface Lane {
  readonly name: LaneName;
  /** In the order of the list; null as long as nobody knows. */
  readonly workers: Observable<readonly Worker[] | null>;
  /** Likewise; null, too, when the key is not for runs. */
  readonly runs: Observable<readonly Run[] | null>;
  readonly status: Observable<LaneStatus>;
  /** Reads once more, as somebody asks; resolves when it has, or has failed to. */
  readonly refresh: () => Promise<void>;
  /** The application is shown again, or the network is back: whatever waits need not. */
  readonly wake: () => void;
  /** The application goes out of sight, and may end without another word. */
  readonly sleep: () => void;
  /** Ends it. What it has shown can still be read. */
  readonly close: () => Promise<void>;
}

/** What makes a lane. The code of the other one is not loaded. */
export async function loadLane(name: LaneName): Promise<(session: Session) => Lane> {
  return name === "khala"
    ? (await import("./khala")).khalaLane
    : (await import("./legacy")).legacyLane;
}

/** What the key of an account is for; workers if it is for neither, so that the server says why not. */
export function subjects({ account }: Session): {
  readonly workers: boolean;
  readonly runs: boolean;
} {
  const runs = mayRead(account, RUNS);
  return { workers: mayRead(account, TOPIC) || !runs, runs };
}
