/** The place of the page in its address: everything that a link or a reload brings back. */

import { Observable } from "khala-client/host/observable";
import { useSyncExternalStore } from "react";
import type { View } from "./rows";

export const VIEWS = [
  "overview",
  "topics",
  "runs",
  "workers",
  "lightning",
  "relays",
  "retention",
  "publishers",
  "parity",
  "flags",
] as const;
export type ViewName = (typeof VIEWS)[number];

export interface Place {
  readonly view: ViewName;
  /** A part of the view, such as `settlements`, or a topic; empty for its first. */
  readonly section: string;
  /** The organisation whose documents are shown; null: the session's first. */
  readonly organisation: string | null;
  /** The key of the document whose details are open. */
  readonly opened: string | null;
  readonly filter: View;
  /** What only its view knows, by name. */
  readonly more: Readonly<Record<string, string>>;
}

/** The order in which a view begins, where it is not that of the last change. */
const FIRST_COLUMNS: Partial<Record<ViewName, string>> = {
  runs: "-started",
  workers: "-started",
  topics: "topic",
};
const KNOWN = new Set(["open", "search", "status", "sort", "org"]);
const SIGN_IN = /^#\/sign-in\/([^?/]+)/;

const current = new Observable<Place>(parsePlace(location.hash));

addEventListener("hashchange", () => current.set(parsePlace(location.hash)));

export const place = { get: current.get, subscribe: current.subscribe };

export function usePlace(): Place {
  return useSyncExternalStore(current.subscribe, current.get);
}

/** Goes to a place. A step that Back takes back, unless only the filter is another one. */
export function go(changes: Partial<Place>, isStep = isPlace(changes)): void {
  const next = { ...current.get(), ...changes };
  const hash = formatPlace(next);
  if (hash !== location.hash) {
    history[isStep ? "pushState" : "replaceState"](null, "", hash);
  }
  current.set(next);
}

/** Sets what only a view knows; null removes it. */
export function goMore(more: Readonly<Record<string, string | null>>, isStep = false): void {
  const next = Object.entries({ ...current.get().more, ...more }).filter(
    (each): each is [string, string] => each[1] !== null,
  );
  go({ more: Object.fromEntries(next) }, isStep);
}

/** The address of another view or section, where nothing is open or filtered yet. */
export function addressOf(view: ViewName, section = "", more: Partial<Place> = {}): string {
  const { organisation } = current.get();
  const filter = firstFilter(view, section);
  return formatPlace({ view, section, organisation, opened: null, filter, more: {}, ...more });
}

export function goTo(view: ViewName, section = ""): void {
  go({ view, section, opened: null, filter: firstFilter(view, section), more: {} }, true);
}

/** The code of a sign-in link, which then stands neither in the address nor in the history. */
export function takeCode(): string | null {
  const code = SIGN_IN.exec(location.hash)?.[1];
  if (code === undefined) {
    return null;
  }
  history.replaceState(null, "", addressOf("overview"));
  current.set(parsePlace(location.hash));
  return decodeURIComponent(code);
}

export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name = "", section = ""] = path.split("/");
  const given = new URLSearchParams(query);
  const view = VIEWS.find((each) => each === name) ?? "overview";
  const first = firstFilter(view, decoded(section));
  const sort = given.get("sort") ?? "";
  return {
    view,
    section: decoded(section),
    organisation: given.get("org"),
    opened: given.get("open"),
    filter: {
      search: given.get("search") ?? "",
      statuses: new Set(given.getAll("status")),
      column: sort.replace(/^-/, "") || first.column,
      isDescending: sort === "" ? first.isDescending : sort.startsWith("-"),
    },
    more: Object.fromEntries([...given].filter(([each]) => !KNOWN.has(each))),
  };
}

export function formatPlace({ view, section, organisation, opened, filter, more }: Place): string {
  const given = new URLSearchParams();
  const first = firstFilter(view, section);
  if (organisation !== null) {
    given.set("org", organisation);
  }
  if (opened !== null) {
    given.set("open", opened);
  }
  if (filter.search !== "") {
    given.set("search", filter.search);
  }
  for (const status of filter.statuses) {
    given.append("status", status);
  }
  if (filter.column !== first.column || filter.isDescending !== first.isDescending) {
    given.set("sort", (filter.isDescending ? "-" : "") + filter.column);
  }
  for (const [name, value] of Object.entries(more)) {
    given.set(name, value);
  }
  const query = given.toString();
  return `#/${view}${section && `/${encodeURIComponent(section)}`}${query && `?${query}`}`;
}

function firstFilter(view: ViewName, section: string): View {
  const isDocuments = view === "topics" && section !== "";
  const order = isDocuments ? "-updated" : (FIRST_COLUMNS[view] ?? "-changed");
  return {
    search: "",
    statuses: new Set(),
    column: order.replace(/^-/, ""),
    isDescending: order.startsWith("-"),
  };
}

function isPlace(changes: Partial<Place>): boolean {
  return ["view", "section", "organisation", "opened"].some((name) => name in changes);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Typed by hand: a percent sign that begins no escape.
    return part;
  }
}
