const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** The time of day, after the date unless it is today; empty for an invalid time. */
export function shownTime(time: string | number): string {
  const date = read(time);
  if (date === null) {
    return "";
  }
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? clock : dayAndClock).format(date);
}

/** Date and time; empty for an invalid time. */
export function wholeTime(time: string | number): string {
  const date = read(time);
  return date === null ? "" : whole.format(date);
}

function read(time: string | number): Date | null {
  const date = new Date(time);
  return time === "" || Number.isNaN(date.getTime()) ? null : date;
}

const STEPS: readonly (readonly [number, string])[] = [
  [60, "s"],
  [60, "min"],
  [24, "h"],
  [Number.POSITIVE_INFINITY, "d"],
];

/** How long ago a moment was. Clocks differ a little: what is to come is now. */
export function ago(at: number, now: number): string {
  let value = Math.floor(Math.max(0, now - at) / 1000);
  if (value < 5) {
    return "just now";
  }
  for (const [size, unit] of STEPS) {
    if (value < size) {
      return `${value} ${unit} ago`;
    }
    value = Math.floor(value / size);
  }
  return "";
}
