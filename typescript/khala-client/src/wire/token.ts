/** The claims of a token, not verified here: the server does that. */

/**
 * The documents of a topic that a token shows: documents and watermarks count only for readers of
 * whom this is the same. It is the organisation, and the scopes that narrow the topic to prefixes of
 * keys if there are any. Empty for a token that is no JWT.
 */
export function readerOf(token: string, topic: string): string {
  const { oa_org_id, oa_sync_scopes } = claimsOf(token);
  const org = String(oa_org_id ?? "");
  const scopes = Array.isArray(oa_sync_scopes) ? oa_sync_scopes.map(String) : [];
  const narrowing = scopes.filter((scope) => scope.includes("/"));
  const own = narrowing.filter((scope) => scope.startsWith(`${topic}/`));
  // A scope may have the other name of the topic.
  const narrow = own.length > 0 ? own : narrowing;
  return scopes.includes(topic) || narrow.length === 0
    ? org
    : [org, ...narrow.sort()].map(encodeURIComponent).join(" ");
}

interface Claims {
  readonly oa_org_id?: unknown;
  readonly oa_sync_scopes?: unknown;
}

function claimsOf(token: string): Claims {
  try {
    const claims = token.split(".")[1] ?? "";
    return Object(JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))));
  } catch {
    return {};
  }
}
