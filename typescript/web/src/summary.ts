/** Summaries of runs and workers, as db/functions/internal/projection/summarize_entities.sql builds them. */

import type { JsonObject, KhalaDocument } from "khala-client";

export type Summary = JsonObject;
export type SummaryDocument = KhalaDocument<Summary>;

export type Kind = "runs" | "workers";
export const KINDS: readonly Kind[] = ["runs", "workers"];
export const NAMES: Readonly<Record<Kind, string>> = { runs: "Runs", workers: "Workers" };
export const TOPICS: Readonly<Record<Kind, string>> = {
  runs: "runtime.run_summaries",
  workers: "runtime.codex_worker_summaries",
};

/** The field as a string; empty when it is missing or of another type. */
export function text(summary: Summary, field: string): string {
  const value = summary[field];
  return typeof value === "string" ? value : "";
}

export function status(summary: Summary): string {
  return text(summary, "status") || "unknown";
}

export function id(summary: Summary, docKey: string): string {
  return (
    text(summary, "run_id") || text(summary, "worker_id") || docKey.slice(docKey.indexOf(":") + 1)
  );
}

export function title(summary: Summary): string {
  return text(summary, "title") || text(summary, "task") || command(summary);
}

export function command(summary: Summary): string {
  const value = summary["command"];
  return Array.isArray(value) ? value.join(" ") : typeof value === "string" ? value : "";
}

const ENDED: ReadonlySet<string> = new Set("succeeded failed cancelled stopped lost".split(" "));

/** Whether it goes on. */
export function isAtWork(summary: Summary): boolean {
  return !ENDED.has(status(summary)) && text(summary, "started_at") !== "";
}

/** When it ended, or was last heard of, in milliseconds since 1970. */
export function endOf(summary: Summary): number {
  return Date.parse(text(summary, "finished_at") || text(summary, "latest_event_at"));
}

/** The share that is done, from 0 to 100; null where it is not known. */
export function percent(summary: Summary): number | null {
  const progress = summary["progress"];
  const value = isObject(progress) ? progress["percent"] : null;
  return typeof value === "number" ? Math.min(100, Math.max(0, value)) : null;
}

/** The current activity, or the end of it. */
export function activity(summary: Summary): string {
  const progress = summary["progress"];
  const fields = isObject(progress) ? progress : {};
  return (
    text(summary, "terminal_reason") ||
    text(fields, "message") ||
    text(fields, "last_line") ||
    text(summary, "task") ||
    text(summary, "latest_event_type")
  );
}

export function eventCount(summary: Summary): number {
  const value = summary["event_count"];
  return typeof value === "number" ? value : 0;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
