/** The value of an observable, now and whenever it changes. */

import type { Observable } from "khala-client/host/observable";
import { useSyncExternalStore } from "react";

export function useObservable<T>({ subscribe, get }: Observable<T>): T {
  return useSyncExternalStore(subscribe, get, get);
}
