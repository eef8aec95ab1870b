/** Cohorts of subjects, for a surface that decides its lane without a relay. */

import { sha256 } from "./sha256.js";

/**
 * Place of a subject among ten thousand: a share of p percent has those below 100 * p. The rule is
 * SQL's `khala_internal.cohort`.
 */
export function cohort(surface: string, subject: string): number {
  const digest = sha256(new TextEncoder().encode(`${surface}:${subject}`));
  return new DataView(digest.buffer).getUint32(0) % 10_000;
}
