/** Times and ages, by the server's clock. */

import { Observable } from "khala-client/host/observable";
import { useEffect, useSyncExternalStore } from "react";
import type { ServerClock } from "../account/clock";
import { Words, type WordsProps } from "./parts";

/** Changes every second as long as an age is shown. */
const ticks = new Observable(0);
let shown = 0;
let timer: ReturnType<typeof setInterval> | undefined;

function useTicks(): void {
  useSyncExternalStore(ticks.subscribe, ticks.get, ticks.get);
  useEffect(() => {
    if (++shown === 1) {
      timer = setInterval(() => ticks.set(ticks.get() + 1), 1_000);
    }
    return () => {
      if (--shown === 0) {
        clearInterval(timer);
      }
    };
  }, []);
}

export interface AgeProps extends WordsProps {
  /** In milliseconds since 1970, by the server's clock. */
  readonly at: number | null;
  readonly clock: ServerClock;
}

/** How long ago something was, as long as it is shown. */
export function Age({ at, clock, ...rest }: AgeProps) {
  useTicks();
  return <Words {...rest}>{age(at, clock)}</Words>;
}

export function age(at: number | null, clock: ServerClock): string {
  return at === null ? "never" : `${duration(clock.now() - at)} ago`;
}

/** A duration in its largest unit. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
] as const;

const UNIT_WORDS: Readonly<Record<string, string>> = {
  s: "second",
  min: "minute",
  h: "hour",
  d: "day",
};

/** An age as a screen reader should say it. */
export function spokenAge(at: number | null, clock: ServerClock): string {
  if (at === null) {
    return "never";
  }
  const [count = "0", unit = "s"] = duration(clock.now() - at).split(" ");
  return `${count} ${UNIT_WORDS[unit]}${count === "1" ? "" : "s"} ago`;
}

/** The time of day, after the date unless it is today; empty for an invalid time. */
export function clockTime(time: string | number): string {
  const date = new Date(time);
  if (time === "" || Number.isNaN(date.getTime())) {
    return "";
  }
  const two = (part: number) => String(part).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? clock
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}
