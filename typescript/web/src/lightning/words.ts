/** Amounts and addresses as people read them. */

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
