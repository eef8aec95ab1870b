/** The lane that this browser chose, else the one of the flag that the page was built with. */

import type { LaneName } from "./lane";

const KEY = "khala.lane";

/** `?lane=khala` and `?lane=legacy` choose for this browser, `?lane=default` takes that back. */
export function chosenLane(): LaneName {
  const asked = new URLSearchParams(location.search).get("lane");
  if (asked === "default") {
    localStorage.removeItem(KEY);
  } else if (asked !== null && isLane(asked)) {
    localStorage.setItem(KEY, asked);
  }
  const kept = localStorage.getItem(KEY);
  if (kept !== null && isLane(kept)) {
    return kept;
  }
  return import.meta.env["VITE_KHALA_SYNC_ENABLED"] === "true" ? "khala" : "legacy";
}

/** Takes another lane, from now on and after a reload. */
export function chooseLane(lane: LaneName): void {
  localStorage.setItem(KEY, lane);
  const url = new URL(location.href);
  url.searchParams.delete("lane");
  history.replaceState(null, "", url);
}

function isLane(text: string): text is LaneName {
  return text === "khala" || text === "legacy";
}
