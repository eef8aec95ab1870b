/** The state of a lane in words. */

import type { Tone } from "../ui/theme";
import type { LaneState, LaneStatus } from "./lane";

const WORDS: Readonly<Record<LaneState, { readonly word: string; readonly tone: Tone }>> = {
  connecting: { word: "Connecting", tone: "plain" },
  "catching-up": { word: "Catching up", tone: "busy" },
  live: { word: "Live", tone: "good" },
  polling: { word: "Every 12 s", tone: "plain" },
  offline: { word: "Offline", tone: "bad" },
  "signed-out": { word: "Signed out", tone: "bad" },
  refused: { word: "Refused", tone: "bad" },
};

export function laneWords(status: LaneStatus): { readonly word: string; readonly tone: Tone } {
  const { word, tone } = WORDS[status.state];
  const behind = status.behind ?? 0;
  return behind > 0 ? { word: `${word}, ${behind} behind`, tone: "busy" } : { word, tone };
}

/** What a banner says while what is shown may be old; null when it is not. */
export function bannerTitle(state: LaneState): string | null {
  switch (state) {
    case "offline":
      return "You are offline";
    case "signed-out":
      return "You are signed out";
    case "refused":
      return "The server refuses";
    default:
      return null;
  }
}
