/** A codex worker as the application shows it. Rules are Khala's: a status and the state of a
 * heartbeat are shown as the document has them. */

import type { JsonObject } from "khala-client";
import { isObject, moment, number, text } from "../json";

export interface Worker {
  readonly id: string;
  /** The last event that the document includes. */
  readonly seq: number;
  readonly status: string;
  readonly heartbeatState: string;
  /** By the server's clock, in milliseconds since 1970; null when no heartbeat has come. */
  readonly heartbeatAt: number | null;
  /** The number of events that the document does not include; null when that is unknown. */
  readonly lag: number | null;
  readonly title: string;
  readonly workspace: string;
  readonly adapter: string;
  /** The current activity, or the end of it. */
  readonly activity: string;
  readonly updatedAt: number | null;
  /** The document. */
  readonly snapshot: JsonObject;
}

export const TOPIC = "runtime.codex_worker_summaries";

/** The worker of a document. lag: see Worker. */
export function readWorker(document: JsonObject, lag: number | null): Worker {
  const progress = document["progress"];
  const fields = isObject(progress) ? progress : {};
  const id = text(document, "worker_id");
  return {
    id,
    seq: number(document, "latest_seq") ?? 0,
    status: text(document, "status") || "unknown",
    heartbeatState: text(document, "heartbeat_state") || "missing",
    heartbeatAt: moment(document, "heartbeat_at"),
    lag,
    title: text(document, "title") || id,
    workspace: text(document, "workspace"),
    adapter: text(document, "adapter"),
    activity:
      text(document, "terminal_reason") ||
      text(document, "task") ||
      text(fields, "message") ||
      text(fields, "last_line") ||
      text(document, "activity"),
    updatedAt: moment(document, "updated_at"),
    snapshot: document,
  };
}

/** Whether the worker takes no more requests. */
export function hasEnded({ status }: Pick<Worker, "status">): boolean {
  return status === "stopped" || status === "failed";
}

export type Filter = "all" | "running" | "stopped" | "failed";
export const FILTERS: readonly Filter[] = ["all", "running", "stopped", "failed"];

/** Whether a filter shows the worker; `running` is whatever has not ended. */
export function isShown(worker: Worker, filter: Filter): boolean {
  return (
    filter === "all" || worker.status === filter || (filter === "running" && !hasEnded(worker))
  );
}

/** The workers in the order of the list: the one that changed last is the first. */
export function sorted(workers: readonly Worker[]): readonly Worker[] {
  return [...workers].sort(
    (one, other) => (other.updatedAt ?? 0) - (one.updatedAt ?? 0) || (one.id < other.id ? -1 : 1),
  );
}
