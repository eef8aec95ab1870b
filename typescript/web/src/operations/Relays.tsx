import { bytes, count, counted } from "../quantities";
import { type RelayRow, sum } from "./rows";
import { type Column, Table } from "./Table";
import { Time } from "./Time";
import { Empty, Read } from "./View";

const COLUMNS: readonly Column<RelayRow>[] = [
  { label: "Relay", draw: ({ relay }) => <span className="id">{relay}</span> },
  {
    label: "State",
    draw: ({ is_live, stopped_at }) =>
      is_live ? (
        <span className="pill good">live</span>
      ) : (
        <span className={`pill ${stopped_at === null ? "bad" : ""}`}>
          {stopped_at === null ? "gone" : "stopped"}
        </span>
      ),
  },
  {
    label: "Connections",
    kind: "number",
    draw: ({ connections }) => count(connections),
  },
  { label: "Subscribers", kind: "long", draw: (relay) => <Subscribers {...relay} /> },
  {
    label: "Behind",
    kind: "number",
    draw: ({ behind }) => <span className={behind > 0 ? "behind" : ""}>{count(behind)}</span>,
  },
  { label: "Sent", kind: "number", draw: ({ sent_bytes }) => bytes(sent_bytes) },
  { label: "Version", draw: ({ version }) => version },
  { label: "Started", draw: ({ started_at }) => <Time at={started_at} /> },
  { label: "Reported", draw: ({ reported_at }) => <Time at={reported_at} /> },
];

/** Relays, and who is connected to each. */
export function Relays() {
  return (
    <Read<{ readonly relays: readonly RelayRow[] }> path="/api/admin/relays">
      {({ relays }) =>
        relays.length === 0 ? (
          <Empty command="khala relay">No relay has reported in the last hour. Start one:</Empty>
        ) : (
          <section className="card">
            <p className="summary" role="status">
              {said(relays.filter(({ is_live }) => is_live))}
            </p>
            <Table caption="Relays" columns={COLUMNS} rows={relays} keyOf={({ relay }) => relay} />
            <p className="quiet">
              A subscriber that is behind does not lose an update: it catches up from the journal.
              Numbers are those of each relay's last report.
            </p>
          </section>
        )
      }
    </Read>
  );
}

function said(live: readonly RelayRow[]): string {
  const connections = sum(live.map((each) => each.connections));
  const subscribers = sum(live.map(total));
  return `${counted(live.length, "relay")} live, ${counted(connections, "connection")}, ${counted(subscribers, "subscriber")}`;
}

function total({ subscribers }: Pick<RelayRow, "subscribers">): number {
  return sum(Object.values(subscribers));
}

function Subscribers({ subscribers }: Pick<RelayRow, "subscribers">) {
  const topics = Object.entries(subscribers).filter(([, each]) => each > 0);
  if (topics.length === 0) {
    return "0";
  }
  return (
    <details className="more">
      <summary>
        {count(total({ subscribers }))}{" "}
        <span className="quiet">in {counted(topics.length, "topic")}</span>
      </summary>
      <dl className="counts">
        {topics
          .sort(([, a], [, b]) => b - a)
          .map(([topic, each]) => (
            <div key={topic}>
              <dt>{topic}</dt>
              <dd>{count(each)}</dd>
            </div>
          ))}
      </dl>
    </details>
  );
}
