/** Amounts, addresses and times as people read them. */

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });

/** Millisatoshi in satoshi. */
export function sats(msats: bigint): string {
  const value = Number(msats) / 1000;
  return `${number.format(value)} ${value === 1 ? "sat" : "sats"}`;
}

/** An address without what may be a secret in it: user, password and query. */
export function shownAddress(address: string): string {
  const [place = "", ...query] = address.split("?");
  return place.replace(/\/\/[^/]*@/, "//…@") + (query.length > 0 ? "?…" : "");
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
