/** The choices that this browser keeps: theme and lane. */

import { LANES } from "./flags";
import type { LaneName } from "./lanes/lane";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

const THEME = "khala.theme";
const LANE = "khala.lane";

export function chosenTheme(): Theme {
  return THEMES.find((each) => each === localStorage.getItem(THEME)) ?? "auto";
}

export function applyTheme(theme: Theme): void {
  localStorage.setItem(THEME, theme);
  document.documentElement.dataset["theme"] = theme;
}

/**
 * The lane that this browser chose, else the one of the flag that the page was built with.
 * `?lane=khala` and `?lane=legacy` choose for this browser, `?lane=default` takes that back.
 */
export function chosenLane(): LaneName {
  const requested = new URLSearchParams(location.search).get("lane");
  if (requested === "default") {
    localStorage.removeItem(LANE);
  } else if (LANES.some((each) => each === requested)) {
    localStorage.setItem(LANE, String(requested));
  }
  const built = import.meta.env["VITE_KHALA_SYNC_ENABLED"] === "true" ? "khala" : "legacy";
  return LANES.find((each) => each === localStorage.getItem(LANE)) ?? built;
}

/** Takes another lane, from now on and after a reload. */
export function chooseLane(lane: LaneName): void {
  localStorage.setItem(LANE, lane);
  const url = new URL(location.href);
  url.searchParams.delete("lane");
  history.replaceState(null, "", url);
}
