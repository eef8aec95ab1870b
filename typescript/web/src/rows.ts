/** The rows of a table: documents or records, filtered, searched and sorted. */

import type { SummaryDocument } from "./summary";
import * as summary from "./summary";

export interface View {
  readonly search: string;
  /** Empty: all. */
  readonly statuses: ReadonlySet<string>;
  /** The name of the column by which rows are sorted. */
  readonly column: string;
  readonly isDescending: boolean;
}

/** How rows of one type are read. */
export interface Reading<R> {
  readonly key: (row: R) => string;
  readonly status: (row: R) => string;
  /** What the search looks at, in lower case. */
  readonly searchable: (row: R) => string;
  /** Reads searches in its own way, instead of looking for their words. */
  readonly matcher?: (search: string) => (row: R) => boolean;
  readonly sortKey: (row: R, column: string) => string | number;
}

export function select<R>(
  rows: readonly R[],
  { search, statuses, column, isDescending }: View,
  { key, status, searchable, matcher, sortKey }: Reading<R>,
): readonly R[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const isFound = matcher?.(search) ?? ((row: R) => matches(searchable(row), words));
  const found = rows.filter(
    (row) =>
      (statuses.size === 0 || statuses.has(status(row))) && (words.length === 0 || isFound(row)),
  );
  const keyed = found.map((row) => ({ row, sortKey: sortKey(row, column) }));
  const sign = isDescending ? -1 : 1;
  keyed.sort((a, b) =>
    a.sortKey === b.sortKey
      ? compare(key(a.row), key(b.row))
      : sign * compare(a.sortKey, b.sortKey),
  );
  return keyed.map(({ row }) => row);
}

/** The number of rows of each status, by name; a chosen status also when it is 0. */
export function countStatuses<R>(
  rows: readonly R[],
  chosen: ReadonlySet<string>,
  status: (row: R) => string,
): readonly (readonly [string, number])[] {
  // A filter without its chip could not be taken back.
  const counts = new Map<string, number>([...chosen].map((each) => [each, 0]));
  for (const row of rows) {
    const name = status(row);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  // By name: chips that change places under the pointer are hard to hit.
  return [...counts].sort(([a], [b]) => compare(a, b));
}

export const SUMMARIES: Reading<SummaryDocument> = {
  key: ({ docKey }) => docKey,
  status: ({ payload }) => summary.status(payload),
  searchable: ({ payload, docKey }) => {
    const parts = [docKey, summary.status(payload), summary.title(payload)];
    return [...parts, summary.command(payload), summary.activity(payload)].join("\n").toLowerCase();
  },
  sortKey: ({ payload, docKey }, column) => {
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
      default:
        return docKey;
    }
  },
};

function matches(text: string, words: readonly string[]): boolean {
  return words.every((word) => text.includes(word));
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
