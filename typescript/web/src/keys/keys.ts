/**
 * Keys of one character. A person may turn them off: who speaks to a computer types them by
 * accident (WCAG 2.1.4).
 */

import { Observable } from "khala-client/host/observable";
import { useEffect, useRef } from "react";
import type { ViewName } from "../place";

const CHOICE = "khala.keys";

const on = new Observable(localStorage.getItem(CHOICE) !== "off");

export const keys = { get: on.get, subscribe: on.subscribe };

export function setKeys(isOn: boolean): void {
  localStorage.setItem(CHOICE, isOn ? "on" : "off");
  on.set(isOn);
}

/** After `g`: the key of each view. */
export const VIEW_KEYS: Readonly<Record<ViewName, string>> = {
  overview: "o",
  topics: "t",
  runs: "r",
  workers: "w",
  lightning: "l",
  relays: "e",
  retention: "n",
  publishers: "p",
  parity: "y",
  flags: "f",
};

/** Calls `act` with each character that is typed where nothing else takes it; true: it was for that. */
export function useCharacters(act: (character: string) => boolean): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const isCharacter = event.key.length === 1 && event.key !== " ";
      const isCommand = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented;
      if (on.get() && isCharacter && !isCommand && !isTaken(event.target)) {
        if (latest.current(event.key)) {
          event.preventDefault();
        }
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

function isTaken(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest("input, textarea, select, dialog, [contenteditable]") !== null
  );
}
