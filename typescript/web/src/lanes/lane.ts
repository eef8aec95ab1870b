/** A lane brings the documents to the page. Everything that shows them knows only this. */

import type { JsonObject, KhalaClient, KhalaTopic } from "khala-client";
import type { Observable } from "khala-client/host/observable";
import type { Session } from "../session";
import type { Kind, Summary } from "../summary";

export type LaneName = "khala" | "legacy";

/** The time between two snapshots of the legacy lane. */
export const POLL_MS = 2_000;

/** A stale cursor and its recovery. */
export interface Incident {
  readonly topic: string;
  readonly reason: string;
  /** In milliseconds since 1970; null as long as the documents are being read anew. */
  readonly recoveredAt: number | null;
  readonly documents: number;
}

/** What both lanes have of a topic: one that polls has no watermark to wait for. */
export type LaneTopic<T = JsonObject> = Pick<
  KhalaTopic<T>,
  "name" | "subscribe" | "getSnapshot" | "get" | "getStatus" | "onStatus"
>;

export interface Lane {
  readonly name: LaneName;
  readonly topics: Readonly<Record<Kind, LaneTopic<Summary>>>;
  /** Any topic by its name; the same object for the same name. */
  readonly topic: (name: string) => LaneTopic;
  readonly connection: Pick<KhalaClient, "getStatus" | "onStatus" | "connect">;
  readonly incidents: Observable<readonly Incident[]>;
  /** Ends it. What it has shown can still be read. */
  readonly close: () => void;
}

/** Makes a lane of the organisation's documents. The code of the other one is not loaded. */
export async function openLane(
  name: LaneName,
  session: Session,
  organisation: string,
): Promise<Lane> {
  return name === "khala"
    ? (await import("./khala")).khalaLane(session, organisation)
    : (await import("./legacy")).legacyLane(organisation);
}
