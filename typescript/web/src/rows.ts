/** The rows of the table: documents filtered, searched and sorted. */

import type { SummaryDocument } from "./summary";
import * as summary from "./summary";

export type Column = "name" | "status" | "events" | "started" | "changed";

export interface View {
  readonly search: string;
  /** Empty: all. */
  readonly statuses: ReadonlySet<string>;
  readonly column: Column;
  readonly isDescending: boolean;
}

export const FIRST_VIEW: View = {
  search: "",
  statuses: new Set(),
  column: "started",
  isDescending: true,
};

export function select(
  documents: readonly SummaryDocument[],
  { search, statuses, column, isDescending }: View,
): readonly SummaryDocument[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = documents.filter(
    ({ payload, docKey }) =>
      (statuses.size === 0 || statuses.has(summary.status(payload))) &&
      (words.length === 0 || matches(searchable(payload, docKey), words)),
  );
  const keyed = found.map((document) => ({ document, key: sortKey(document, column) }));
  const sign = isDescending ? -1 : 1;
  keyed.sort((a, b) =>
    a.key === b.key ? compare(a.document.docKey, b.document.docKey) : sign * compare(a.key, b.key),
  );
  return keyed.map(({ document }) => document);
}

/** The number of documents of each status, by name; a chosen status also when it is 0. */
export function countStatuses(
  documents: readonly SummaryDocument[],
  chosen: ReadonlySet<string>,
): [string, number][] {
  // A filter without its chip could not be taken back.
  const counts = new Map<string, number>([...chosen].map((status) => [status, 0]));
  for (const { payload } of documents) {
    const status = summary.status(payload);
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  // By name: chips that change places under the pointer are hard to hit.
  return [...counts].sort(([a], [b]) => compare(a, b));
}

function sortKey({ payload, docKey }: SummaryDocument, column: Column): string | number {
  switch (column) {
    case "name":
      return summary.id(payload, docKey);
    case "status":
      return summary.status(payload);
    case "events":
      return summary.eventCount(payload);
    case "started":
      return summary.text(payload, "started_at");
    case "changed":
      return summary.text(payload, "latest_event_at");
  }
}

function searchable(payload: summary.Summary, docKey: string): string {
  const parts = [docKey, summary.status(payload), summary.title(payload)];
  return [...parts, summary.command(payload), summary.activity(payload)].join("\n").toLowerCase();
}

function matches(text: string, words: readonly string[]): boolean {
  return words.every((word) => text.includes(word));
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
