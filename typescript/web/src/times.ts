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
