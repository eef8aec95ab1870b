/** A run as the application shows it. Its status is Khala's, as the document has it. */

import type { JsonObject } from "khala-client";
import { isObject, list, moment, number, text } from "../json";

export interface Run {
  readonly id: string;
  /** The last event that the document includes. */
  readonly seq: number;
  readonly status: string;
  /** Its title, else its command, else its id. */
  readonly title: string;
  readonly lastLine: string;
  /** Why it has ended, where its status does not say it; empty before. */
  readonly reason: string;
  /** By the server's clock, in milliseconds since 1970; null when it has not started. */
  readonly startedAt: number | null;
  readonly updatedAt: number | null;
}

export const RUNS = "runtime.run_summaries";

export function readRun(document: JsonObject): Run {
  const progress = document["progress"];
  const fields = isObject(progress) ? progress : {};
  const id = text(document, "run_id");
  const status = text(document, "status") || "unknown";
  return {
    id,
    seq: number(document, "latest_seq") ?? 0,
    status,
    title: text(document, "title") || command(document) || id,
    lastLine: text(fields, "last_line") || text(fields, "message"),
    reason: status === "succeeded" ? "" : text(document, "terminal_reason"),
    startedAt: moment(document, "started_at"),
    updatedAt: moment(document, "latest_event_at"),
  };
}

function command(document: JsonObject): string {
  return text(document, "command") || list(document, "command").join(" ");
}

/** The runs in the order of the list: the one that started last is the first. */
export function newestFirst(runs: readonly Run[]): readonly Run[] {
  const began = ({ startedAt, updatedAt }: Run) => startedAt ?? updatedAt ?? 0;
  return [...runs].sort((one, other) => began(other) - began(one) || (one.id < other.id ? -1 : 1));
}
