/** The claims of a token, not verified here: the server does that. */

/**
 * The organisation whose documents a token shows: documents and watermarks count for one
 * organisation only. Empty for a token that is no JWT.
 */
export function organisationOf(token: string): string {
  try {
    const claims = token.split(".")[1] ?? "";
    const { oa_org_id } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    return String(oa_org_id ?? "");
  } catch {
    return "";
  }
}
