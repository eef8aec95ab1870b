/** What the endpoints of administration return (docs/reference/http.md). */

import type { Position } from "../admin";

export interface TopicRow {
  readonly topic: string;
  readonly ownership: string;
  readonly payload_mode: string;
  readonly writes: string;
  readonly head_watermark: Position;
  readonly retention_floor: Position;
  readonly documents: number;
  /** Whether there are more, which were not counted. */
  readonly documents_at_least?: boolean;
  readonly journal_rows: number;
  /** Null, as the two after it, in a session that is not for the whole installation. */
  readonly journal_bytes: number | null;
  readonly writes_per_minute: number | null;
  readonly oldest_age_s: number | null;
  readonly horizon_s: number;
  readonly subscribers: number | null;
}

export interface RelayRow {
  readonly relay: string;
  readonly version: string;
  readonly started_at: string;
  readonly reported_at: string;
  readonly connections: number;
  readonly subscribers: Readonly<Record<string, number>>;
  /** Subscriptions that are not at the head. */
  readonly behind: number;
  readonly sent_bytes: number;
  readonly is_live: boolean;
  /** When it said that it stops; null when it did not. */
  readonly stopped_at: string | null;
}

export interface ActivityPoint {
  readonly at: string;
  readonly writes: number | null;
  readonly connections: number | null;
  readonly sent_bytes: number | null;
  readonly delivery_lag_p50_s: number | null;
  readonly delivery_lag_p99_s: number | null;
}

export interface Activity {
  readonly interval_s: number;
  readonly to: string;
  readonly points: readonly ActivityPoint[];
}

export interface RetentionRow {
  readonly topic: string;
  readonly retention_floor: Position;
  readonly head_watermark: Position;
  readonly horizon_s: number;
  readonly oldest_age_s: number | null;
  /** Negative: not yet. */
  readonly overdue_s: number | null;
  readonly last_purge_at: string | null;
  readonly purges: number;
  readonly purged_events: number;
}

export interface PublisherTopic {
  readonly topic: string;
  readonly target: string | null;
  readonly delete_target: string | null;
  readonly unread: number;
  readonly waiting: number;
  readonly in_flight: number;
  readonly retrying: number;
  readonly oldest_age_s: number;
  readonly set_aside: number;
  readonly delivered: number;
  readonly failed: number;
  readonly refused: number;
  readonly resyncs: number;
  readonly resync_reason: string | null;
  readonly overtaken: number;
}

export type PublisherState = "running" | "resyncing" | "down" | "stopped" | "paused";

export interface Publisher {
  readonly publisher: string;
  readonly kind: string;
  readonly url: string;
  readonly state: PublisherState;
  readonly last_delivery_at: string | null;
  readonly last_error_at: string | null;
  readonly last_error: string | null;
  readonly topics: readonly PublisherTopic[];
}

export interface SetAside {
  readonly publisher: string;
  readonly topic: string;
  readonly doc_key: string;
  readonly watermark: Position;
  readonly doc_version: Position;
  readonly deleted: boolean;
  readonly attempts: number;
  readonly reason: string;
  readonly set_aside_at: string;
}

export interface Publishers {
  readonly publishers: readonly Publisher[];
  readonly set_aside: readonly SetAside[];
}

export type Reasons = Readonly<Record<string, number>>;

export interface Gate {
  readonly gate: string;
  readonly is_met: boolean;
  readonly found: number | null;
  readonly allowed: string;
}

export interface Cycle {
  readonly cycle: number;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly sampled: number;
  readonly error: string | null;
  readonly reasons: Reasons;
}

export interface Parity {
  readonly topics: readonly {
    readonly topic: string;
    readonly reasons: Reasons;
    readonly max_drift: number | null;
  }[];
  readonly gates: readonly Gate[];
  readonly cycles: readonly Cycle[];
}

export interface Flag {
  readonly surface: string;
  readonly lane: "khala" | "legacy";
  readonly percent: number;
  readonly people: readonly string[];
  readonly changed_at: string;
  readonly changed_by: string;
}

/** Updates that a publisher has neither delivered nor set aside. */
export function left({ unread, waiting, in_flight }: PublisherTopic): number {
  return unread + waiting + in_flight;
}

/** The reasons that are mismatches, with documents. */
export function mismatches(reasons: Reasons): number {
  return sum(
    Object.entries(reasons)
      .filter(([reason]) => reason !== "none" && reason !== "unread")
      .map(([, documents]) => documents),
  );
}

export function sum(numbers: readonly (number | null)[]): number {
  return numbers.reduce<number>((total, each) => total + (each ?? 0), 0);
}
