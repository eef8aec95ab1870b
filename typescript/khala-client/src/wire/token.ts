/** Whose documents are shown: what a token says, and what the server says of it. */

/** The organisation of a token, not verified here. Empty for one that is no JWT. */
export function organisationOf(token: string): string {
  try {
    const claims = token.split(".")[1] ?? "";
    const { oa_org_id } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    return String(oa_org_id ?? "");
  } catch {
    return "";
  }
}

/**
 * The documents of a topic that are shown: documents and watermarks count only for readers of whom
 * this is the same. It is the organisation, and the scopes that narrow the topic to prefixes of keys
 * if there are any. The scopes are those that the server has read: tokens have them in several forms.
 */
export function readerOf(org: string, scopes: readonly string[], topic: string): string {
  const narrowing = scopes.filter((scope) => scope.includes("/"));
  const own = narrowing.filter((scope) => scope.startsWith(`${topic}/`));
  // A scope may have the other name of the topic.
  const narrow = own.length > 0 ? own : narrowing;
  return scopes.includes(topic) || narrow.length === 0
    ? org
    : [org, ...narrow.sort()].map(encodeURIComponent).join(" ");
}
