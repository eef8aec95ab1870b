/** The versions of each document as they arrived, newest first, for as long as the page is open. */

import { Observable } from "khala-client/host/observable";
import { isObject, type Summary, type SummaryDocument } from "../summary";

export interface Arrival {
  readonly document: SummaryDocument;
  /** In milliseconds since 1970. */
  readonly at: number;
  /** The fields that differ from the arrival before; null for the first. */
  readonly changed: readonly string[] | null;
}

/** Of the document that is open, and of every other one. */
const KEPT_OPEN = 200;
const KEPT = 10;
const NONE: readonly Arrival[] = [];
/** Fields that change with every version and mean nothing by themselves. */
const SILENT: ReadonlySet<string> = new Set(
  "projected_at runtime_source latest_seq latest_event_at event_count".split(" "),
);

export class History {
  readonly #arrivals = new Map<string, readonly Arrival[]>();
  readonly #changes = new Observable(0);
  /** The document that is open. */
  watched: string | null = null;

  readonly subscribe = this.#changes.subscribe;

  readonly of = (docKey: string | null): readonly Arrival[] =>
    (docKey !== null && this.#arrivals.get(docKey)) || NONE;

  readonly record = (documents: readonly SummaryDocument[]): void => {
    const at = Date.now();
    let isNews = false;
    for (const document of documents) {
      const known = this.of(document.docKey);
      const last = known[0]?.document;
      if (
        last === document ||
        (last?.docVersion === document.docVersion && last.payloadHash === document.payloadHash)
      ) {
        continue;
      }
      const changed = last ? differences(last.payload, document.payload) : null;
      const arrivals = [{ document, at, changed }, ...known];
      const most = document.docKey === this.watched ? KEPT_OPEN : KEPT;
      arrivals.length = Math.min(arrivals.length, most);
      this.#arrivals.set(document.docKey, arrivals);
      isNews = true;
    }
    if (isNews) {
      this.#changes.set(this.#changes.get() + 1);
    }
  };
}

function differences(before: Summary, after: Summary, prefix = ""): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].sort().flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    if (SILENT.has(name) || old === now) {
      return [];
    }
    if (isObject(old) && isObject(now)) {
      return differences(old, now, `${prefix}${name}.`);
    }
    return JSON.stringify(old) === JSON.stringify(now) ? [] : [prefix + name];
  });
}
