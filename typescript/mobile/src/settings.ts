/** What the application was built with. */

import type { LaneName } from "./lanes/lane";

/** The lane of a device for which `khala flags` has none. */
export const BUILT_LANE: LaneName =
  process.env.EXPO_PUBLIC_KHALA_SYNC_ENABLED === "true" ? "khala" : "legacy";
/** The relay that the sign-in suggests; empty for none. */
export const BUILT_WS = process.env.EXPO_PUBLIC_KHALA_SYNC_WS_URL ?? "";
export const BUILT_HTTP = process.env.EXPO_PUBLIC_KHALA_SYNC_HTTP_URL ?? "";
