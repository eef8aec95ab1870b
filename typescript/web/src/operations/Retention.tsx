import { count, duration } from "../quantities";
import { quoted } from "./Command";
import type { RetentionRow } from "./rows";
import { type Column, Table } from "./Table";
import { Time } from "./Time";
import { Commands, Empty, Read } from "./View";

const COLUMNS: readonly Column<RetentionRow>[] = [
  { label: "Topic", draw: (row) => <Topic {...row} /> },
  { label: "Floor", kind: "number", draw: ({ retention_floor }) => count(retention_floor) },
  { label: "Head", kind: "number", draw: ({ head_watermark }) => count(head_watermark) },
  { label: "Horizon", kind: "number", draw: ({ horizon_s }) => duration(horizon_s) },
  { label: "Oldest row", kind: "number", draw: (row) => <Oldest {...row} /> },
  { label: "Last purge", draw: ({ last_purge_at }) => <Time at={last_purge_at} /> },
  { label: "Purges", kind: "number", draw: ({ purges }) => count(purges) },
  { label: "Rows purged", kind: "number", draw: ({ purged_events }) => count(purged_events) },
];

/** What is kept of each topic's journal. */
export function Retention() {
  return (
    <Read<{ readonly topics: readonly RetentionRow[] }> path="/api/admin/retention">
      {({ topics }) =>
        topics.length === 0 ? (
          <Empty command="khala topics add shop.orders">There is no topic. Register one:</Empty>
        ) : (
          <section className="card">
            <Table
              caption="Retention of topics"
              columns={COLUMNS}
              rows={topics}
              keyOf={({ topic }) => topic}
            />
            <p className="quiet">
              A client that continues from below a floor receives <code>stale_cursor</code> and
              reads a snapshot: it has every current document then, and not the versions between.
              Purge what is beyond the horizon, from cron:
            </p>
            <Commands commands={[["Purge every topic", "khala retain"]]} />
          </section>
        )
      }
    </Read>
  );
}

function Topic({ topic, retention_floor, horizon_s }: RetentionRow) {
  const lowest = BigInt(retention_floor) - 1n;
  return (
    <details className="more">
      <summary className="id">{topic}</summary>
      <p className="quiet">
        {lowest <= 0n
          ? "Nothing was purged: every client continues where it was."
          : `A client that has ${count(String(lowest))} or more continues without a snapshot. One that has less receives stale_cursor, because of below_floor.`}
      </p>
      <Commands
        commands={[
          [
            "Keep rows for longer",
            `khala topics set ${quoted(topic)} --horizon '${twice(horizon_s)}'`,
          ],
          ["Purge now", `khala retain ${quoted(topic)}`],
        ]}
      />
    </details>
  );
}

function twice(seconds: number): string {
  const hours = Math.max(1, Math.round((2 * seconds) / 3_600));
  return hours % 24 === 0 ? `${hours / 24} days` : `${hours} hours`;
}

function Oldest({ oldest_age_s, overdue_s }: RetentionRow) {
  if (oldest_age_s === null) {
    return <span className="quiet">none</span>;
  }
  return (
    <>
      {duration(oldest_age_s)}
      {overdue_s !== null && overdue_s > 0 && (
        <>
          {" "}
          <span className="pill warning">overdue by {duration(overdue_s)}</span>
        </>
      )}
    </>
  );
}
