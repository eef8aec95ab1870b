import { memo, type ReactNode } from "react";
import { Browser } from "../components/Browser";
import { Cell, type GridColumn, GridRow, type RowPlace } from "../components/Grid";
import type { Lane } from "../lanes/lane";
import { addressOf, goTo } from "../place";
import { bytes } from "../quantities";
import type { Reading } from "../rows";
import type { ViewProps } from "../views";
import { shownDocuments, shownNumber, type TopicRow, useTopics } from "./TopicFacts";

const COLUMNS: readonly GridColumn[] = [
  { name: "topic", label: "Topic", isSorted: true, width: [230, 1.6], className: "topic-name" },
  { name: "ownership", label: "Ownership", isSorted: true, width: [76] },
  { name: "documents", label: "Documents", isSorted: true, width: [92], isNumber: true },
  { name: "head", label: "Head", isSorted: true, width: [76, 0.2], isNumber: true },
  ...[
    { name: "rate", label: "Writes/min", width: [84] as const },
    { name: "subscribers", label: "Subscribers", width: [88] as const },
    { name: "lag", label: "Lag here", width: [72] as const },
    { name: "journal", label: "Journal", width: [84, 0.2] as const },
    { name: "floor", label: "Floor", width: [76, 0.2] as const },
  ].map((each, index) => ({
    ...each,
    rank: index + 1,
    isSorted: each.name !== "lag",
    isNumber: true,
  })),
];

const READING: Reading<TopicRow> = {
  key: ({ topic }) => topic,
  status: ({ ownership }) => ownership,
  searchable: ({ topic }) => topic.toLowerCase(),
  sortKey: (row, column) => {
    switch (column) {
      case "documents":
        return row.documents;
      case "head":
        return Number(row.head_watermark);
      case "floor":
        return Number(row.retention_floor);
      case "rate":
        return row.writes_per_minute ?? -1;
      case "journal":
        return row.journal_bytes ?? row.journal_rows;
      case "subscribers":
        return row.subscribers ?? -1;
      case "ownership":
        return row.ownership;
      default:
        return row.topic;
    }
  },
};

/** Every topic, with its settings and how much happens in it. */
export function Topics({ place, lane }: ViewProps) {
  const { data, error } = useTopics();
  return (
    <>
      {error !== null && (
        <p className="notice warning" role="alert" data-testid="unread">
          <span>
            <strong>Not up to date:</strong> {error.message}.{" "}
            {data !== null && "You see what was read last."}
          </span>
        </p>
      )}
      <Browser
        label="Topics"
        className="topics"
        columns={COLUMNS}
        rows={data?.topics ?? []}
        reading={READING}
        place={place}
        drawRow={(row, at, columns) => (
          <Row key={row.topic} row={row} columns={columns} lag={lagOf(lane, row)} {...at} />
        )}
        drawDetails={() => null}
        onOpen={open}
        nothing={
          <p className="nothing">
            {data === null ? (
              error === null && "Reading…"
            ) : (
              <>
                No topics yet. Register one:{" "}
                <code>SELECT khala.register_topic('my.topic', p_ownership =&gt; 'owned')</code>
              </>
            )}
          </p>
        }
      />
    </>
  );
}

interface RowProps extends RowPlace {
  readonly row: TopicRow;
  readonly columns: readonly GridColumn[];
  readonly lag: string;
}

const Row = memo(({ row, columns, lag, ...at }: RowProps) => {
  const draw: Readonly<Record<string, ReactNode>> = {
    ownership: row.ownership,
    documents: shownDocuments(row),
    head: shownNumber(row.head_watermark),
    rate: shownNumber(row.writes_per_minute),
    subscribers: shownNumber(row.subscribers),
    lag,
    journal: row.journal_bytes === null ? shownNumber(row.journal_rows) : bytes(row.journal_bytes),
    floor: shownNumber(row.retention_floor),
  };
  return (
    <GridRow docKey={row.topic} version={String(row.head_watermark)} {...at}>
      <Cell name="topic-name" title={row.topic}>
        <a
          className="id"
          href={addressOf("topics", row.topic)}
          tabIndex={-1}
          onClick={(event) => event.stopPropagation()}
        >
          {row.topic}
        </a>
      </Cell>
      {columns
        .filter(({ name }) => name !== "topic")
        .map(({ name, isNumber }) => (
          <Cell key={name} name={isNumber ? "number" : name}>
            {draw[name]}
          </Cell>
        ))}
      <Cell name="about">
        {draw["documents"]} {row.documents === 1 ? "document" : "documents"} · {draw["rate"]}{" "}
        writes/min · head {draw["head"]}
      </Cell>
    </GridRow>
  );
});

/** How many changes the server has that this page does not; a dash for a topic it never followed. */
function lagOf(lane: Lane | null, { topic, head_watermark: head }: TopicRow): string {
  const watermark = lane?.topic(topic).getStatus().watermark ?? null;
  if (watermark === null) {
    return "–";
  }
  const lag = BigInt(head) - watermark;
  return lag > 0n ? shownNumber(String(lag)) : "0";
}

function open(topic: string): void {
  goTo("topics", topic);
}
