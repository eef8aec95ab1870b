import type { ReactNode } from "react";
import { type Admin, type AdminError, type Position, useAdmin } from "../admin";
import "./topics.css";

/** A topic as `/api/admin/topics` has it. */
export interface TopicRow {
  readonly topic: string;
  readonly ownership: string;
  readonly payload_mode: string;
  readonly writes: string;
  readonly head_watermark: Position;
  readonly retention_floor: Position;
  readonly documents: number;
  readonly documents_at_least: boolean;
  readonly journal_rows: number;
  /** Null: of the whole installation, which this session is not for. */
  readonly journal_bytes: number | null;
  readonly writes_per_minute: number | null;
  readonly oldest_age_s: number | null;
  readonly horizon_s: number | null;
  readonly subscribers: number | null;
}

const EVERY_MS = 5_000;

/** All topics, read again every five seconds. */
export function useTopics(): Admin<{ readonly topics: readonly TopicRow[] }> {
  return useAdmin("/api/admin/topics", EVERY_MS);
}

export interface OneTopic {
  readonly data: TopicRow | undefined;
  readonly error: AdminError | null;
}

export function useTopic(name: string): OneTopic {
  const { data, error } = useTopics();
  return { data: data?.topics.find(({ topic }) => topic === name), error };
}

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export function shownNumber(value: Position | null): string {
  return value === null ? "–" : number.format(Number(value));
}

export function shownDocuments({ documents, documents_at_least: isMore }: TopicRow): string {
  return shownNumber(documents) + (isMore ? "+" : "");
}

/** The settings and the state of a topic, in one line. */
export function TopicFacts({ topic: { data, error } }: { readonly topic: OneTopic }) {
  if (data === undefined) {
    return error === null ? null : (
      <p className="notice warning" role="status">
        <span>
          <strong>The topic's statistics cannot be read:</strong> {error.message}.
        </span>
      </p>
    );
  }
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["Ownership", data.ownership],
    ["Head", shownNumber(data.head_watermark)],
    ["Floor", shownNumber(data.retention_floor)],
    ["Journal", `${shownNumber(data.journal_rows)} rows`],
    ["Writes a minute", shownNumber(data.writes_per_minute)],
    ["Subscribers", shownNumber(data.subscribers)],
  ];
  return (
    <dl className="topic-facts" aria-label="The topic" data-testid="topic-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
