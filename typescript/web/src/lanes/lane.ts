/** A lane brings the documents to the page. Everything that shows them knows only this. */

import type { KhalaClient, KhalaTopic } from "khala-client";
import type { Observable } from "khala-client/host/observable";
import type { Kind, Summary } from "../summary";

export type LaneName = "khala" | "legacy";

/** A stale cursor and its recovery. */
export interface Incident {
  readonly kind: Kind;
  readonly reason: string;
  /** In milliseconds since 1970; null as long as the documents are being read anew. */
  readonly recoveredAt: number | null;
  readonly documents: number;
}

export interface Lane {
  readonly name: LaneName;
  readonly topics: Readonly<Record<Kind, KhalaTopic<Summary>>>;
  readonly connection: Pick<KhalaClient, "getStatus" | "onStatus" | "connect">;
  readonly incidents: Observable<readonly Incident[]>;
  readonly close: () => void;
}
