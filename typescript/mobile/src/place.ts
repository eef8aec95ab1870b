/** Where the user is: in a browser the address of the page, so that reload and back work. */

import { Observable } from "khala-client/host/observable";
import { BackHandler, Platform } from "react-native";
import { FILTERS, type Filter } from "./workers/worker";

export type List = "workers" | "runs";

export interface Place {
  readonly view: List | "account";
  /** The list under the account, or the one that is shown. */
  readonly list: List;
  /** The worker that is open; null for none. */
  readonly worker: string | null;
  readonly filter: Filter;
}

const START: Place = { view: "workers", list: "workers", worker: null, filter: "all" };
const isWeb = Platform.OS === "web";

export const place = new Observable<Place>(isWeb ? readHash(location.hash, START.list) : START);

/** Goes to a place; in a browser `back` leads here again. */
export function go(members: Partial<Place>): void {
  const { view = place.get().view } = members;
  const list = view === "account" ? place.get().list : view;
  const next = { ...place.get(), ...members, list };
  if (isWeb) {
    const url = `${location.pathname}${location.search}${writeHash(next)}`;
    const isStep = members.worker !== undefined || members.view !== undefined;
    history[isStep ? "pushState" : "replaceState"](null, "", url);
  }
  place.set(next);
}

/** Goes to the list. */
export function goToList(): void {
  go({ view: place.get().list, worker: null });
}

/** Listens to the back key of a device, or the address of a page. */
export function watchPlace(): () => void {
  if (isWeb) {
    const look = () => place.set(readHash(location.hash, place.get().list));
    addEventListener("popstate", look);
    return () => removeEventListener("popstate", look);
  }
  const back = BackHandler.addEventListener("hardwareBackPress", () => {
    const { view, worker } = place.get();
    if (view === "account" || worker !== null) {
      goToList();
      return true;
    }
    // From the runs to the workers, which are the start, and from there out of the application.
    if (view === "runs") {
      go({ view: "workers" });
    }
    return view === "runs";
  });
  return () => back.remove();
}

/** list: what was shown last. */
function readHash(hash: string, list: List): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, worker] = path.split("/");
  const status = new URLSearchParams(query).get("status");
  const filter = FILTERS.find((each) => each === status) ?? "all";
  const shown = view === "account" || view === "runs" ? view : "workers";
  return {
    view: shown,
    list: shown === "account" ? list : shown,
    worker: view === "workers" && worker ? decodeURIComponent(worker) : null,
    filter,
  };
}

function writeHash({ view, worker, filter }: Place): string {
  const path = worker === null ? view : `${view}/${encodeURIComponent(worker)}`;
  return `#/${path}${filter === "all" ? "" : `?status=${filter}`}`;
}
