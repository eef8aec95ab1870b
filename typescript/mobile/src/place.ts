/** Where the user is: in a browser the address of the page, so that reload and back work. */

import { Observable } from "khala-client/host/observable";
import { BackHandler, Platform } from "react-native";
import { FILTERS, type Filter } from "./workers/worker";

export interface Place {
  readonly view: "workers" | "account";
  /** The worker that is open; null for none. */
  readonly worker: string | null;
  readonly filter: Filter;
}

const START: Place = { view: "workers", worker: null, filter: "all" };
const isWeb = Platform.OS === "web";

export const place = new Observable<Place>(isWeb ? readHash(location.hash) : START);

/** Goes to a place; in a browser `back` leads here again. */
export function go(members: Partial<Place>): void {
  const next = { ...place.get(), ...members };
  if (isWeb) {
    const url = `${location.pathname}${location.search}${writeHash(next)}`;
    const isStep = members.worker !== undefined || members.view !== undefined;
    history[isStep ? "pushState" : "replaceState"](null, "", url);
  }
  place.set(next);
}

/** Goes to the list. */
export function goToList(): void {
  go({ view: "workers", worker: null });
}

/** Listens to the back key of a device, or the address of a page. */
export function watchPlace(): () => void {
  if (isWeb) {
    const look = () => place.set(readHash(location.hash));
    addEventListener("popstate", look);
    return () => removeEventListener("popstate", look);
  }
  const back = BackHandler.addEventListener("hardwareBackPress", () => {
    const { view, worker } = place.get();
    const isDeep = view !== "workers" || worker !== null;
    if (isDeep) {
      goToList();
    }
    return isDeep;
  });
  return () => back.remove();
}

function readHash(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, worker] = path.split("/");
  const status = new URLSearchParams(query).get("status");
  const filter = FILTERS.find((each) => each === status) ?? "all";
  return {
    view: view === "account" ? "account" : "workers",
    worker: view === "workers" && worker ? decodeURIComponent(worker) : null,
    filter,
  };
}

function writeHash({ view, worker, filter }: Place): string {
  const path = worker === null ? view : `${view}/${encodeURIComponent(worker)}`;
  return `#/${path}${filter === "all" ? "" : `?status=${filter}`}`;
}
