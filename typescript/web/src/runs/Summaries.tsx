import type { KhalaTopic } from "khala-client";
import { useEffect, useMemo, useRef } from "react";
import { Grid, type GridColumn } from "../components/Grid";
import { Filter } from "../components/Toolbar";
import { useFrames } from "../frames";
import type { Lane } from "../lanes/lane";
import { go, type Place } from "../place";
import { SUMMARIES, select } from "../rows";
import { type Kind, NAMES, type Summary } from "../summary";
import { Details } from "./Details";
import type { History } from "./history";
import { Row } from "./Row";

const COLUMNS: readonly GridColumn[] = [
  { name: "status", label: "Status", isSorted: true },
  { name: "name", label: "Name", isSorted: true },
  { name: "now", label: "Now", isSorted: false },
  { name: "events", label: "Events", isSorted: true },
  { name: "started", label: "Started", isSorted: true },
  { name: "changed", label: "Changed", isSorted: true },
];

interface SummariesProps {
  readonly kind: Kind;
  readonly place: Place;
  readonly lane: Lane;
  readonly history: History;
}

/** The view of runs, or of workers. */
export function Summaries({ kind, place: { filter, opened }, lane, history }: SummariesProps) {
  const grid = useRef<HTMLDivElement>(null);
  const topic = lane.topics[kind];
  const documents = useFrames(topic.subscribe, topic.getSnapshot);
  const rows = useMemo(() => select(documents, filter, SUMMARIES), [documents, filter]);
  useEffect(() => {
    history.watched = opened;
  }, [history, opened]);
  const close = () => {
    go({ opened: null });
    grid.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <Filter
        rows={documents}
        status={SUMMARIES.status}
        view={filter}
        onView={(next) => go({ filter: next })}
      />
      <main className={opened === null ? "content" : "content with-details"}>
        <Grid
          ref={grid}
          label={NAMES[kind]}
          columns={COLUMNS}
          rows={rows}
          keyOf={SUMMARIES.key}
          drawRow={(document, place) => (
            <Row key={document.docKey} document={document} {...place} />
          )}
          view={filter}
          onView={(next) => go({ filter: next })}
          opened={opened}
          onOpen={(docKey) => go({ opened: docKey })}
          nothing={<Nothing total={documents.length} kind={kind} topic={topic} />}
        />
        {opened !== null && (
          <Details key={opened} docKey={opened} topic={topic} history={history} onClose={close} />
        )}
      </main>
    </>
  );
}

interface NothingProps {
  readonly total: number;
  readonly kind: Kind;
  readonly topic: KhalaTopic<Summary>;
}

function Nothing({ total, kind, topic }: NothingProps) {
  const { watermark } = useFrames(topic.onStatus, topic.getStatus);
  if (total > 0) {
    return <p className="nothing">Nothing matches. {total} are there.</p>;
  }
  if (watermark === null) {
    return <p className="nothing">Reading…</p>;
  }
  return (
    <p className="nothing">
      {kind === "runs" ? (
        <>
          No runs yet. Record one: <code>khala run -- make test</code>
        </>
      ) : (
        "No workers yet."
      )}
    </p>
  );
}
