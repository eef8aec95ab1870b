/** The place of the page in its address: everything that a link or a reload brings back. */

import { Observable } from "khala-client/host/observable";
import { FIRST_VIEW, type View } from "./rows";
import { KINDS, type Kind } from "./summary";

export type ViewName = Kind | "lightning";
export const VIEWS: readonly ViewName[] = [...KINDS, "lightning"];

export interface Place {
  readonly view: ViewName;
  /** A part of the view, such as `settlements`; empty for its first. */
  readonly section: string;
  /** The key of the document whose details are open. */
  readonly opened: string | null;
  readonly filter: View;
}

const current = new Observable<Place>(parsePlace(location.hash));

addEventListener("hashchange", () => current.set(parsePlace(location.hash)));

export const place = { get: current.get, subscribe: current.subscribe };

/** Goes to a place. A step that Back takes back, unless only the filter is another one. */
export function go(changes: Partial<Place>): void {
  const next = { ...current.get(), ...changes };
  const hash = formatPlace(next);
  if (hash !== location.hash) {
    const isStep = "view" in changes || "section" in changes || "opened" in changes;
    history[isStep ? "pushState" : "replaceState"](null, "", hash);
  }
  current.set(next);
}

/** Goes to another view or section, where nothing is open or filtered yet. */
export function goTo(view: ViewName, section = ""): void {
  go({ view, section, opened: null, filter: FIRST_VIEW });
}

export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name = "", section = ""] = path.split("/");
  const given = new URLSearchParams(query);
  const sort = given.get("sort") ?? "";
  return {
    view: VIEWS.find((each) => each === name) ?? "runs",
    section,
    opened: given.get("open"),
    filter: {
      search: given.get("search") ?? "",
      statuses: new Set(given.getAll("status")),
      column: sort.replace(/^-/, "") || FIRST_VIEW.column,
      isDescending: sort === "" ? FIRST_VIEW.isDescending : sort.startsWith("-"),
    },
  };
}

export function formatPlace({ view, section, opened, filter }: Place): string {
  const given = new URLSearchParams();
  if (opened !== null) {
    given.set("open", opened);
  }
  if (filter.search !== "") {
    given.set("search", filter.search);
  }
  for (const status of filter.statuses) {
    given.append("status", status);
  }
  if (filter.column !== FIRST_VIEW.column || filter.isDescending !== FIRST_VIEW.isDescending) {
    given.set("sort", (filter.isDescending ? "-" : "") + filter.column);
  }
  const query = given.toString();
  return `#/${view}${section && `/${section}`}${query && `?${query}`}`;
}
