/** What a token says about itself: not verified here, that is the server's to do. */

/**
 * Whose documents a token shows: documents and watermarks of one organisation are worth nothing to
 * another. Empty for a token that is no JWT.
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
