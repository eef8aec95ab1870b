import { useEffect } from "react";
import { Browser } from "../components/Browser";
import type { GridColumn } from "../components/Grid";
import { useFrames } from "../frames";
import type { Lane, LaneTopic } from "../lanes/lane";
import { Command } from "../operations/Command";
import { SUMMARIES } from "../rows";
import { KINDS, type Kind, NAMES, type Summary } from "../summary";
import type { LiveViewProps } from "../views";
import { Details } from "./Details";
import { Row } from "./Row";
import "./runs.css";

const COLUMNS: Readonly<Record<Kind, readonly GridColumn[]>> = {
  runs: columns("Run", { name: "duration", label: "Duration", isSorted: false }),
  workers: columns("Worker", { name: "heartbeat", label: "Heartbeat", isSorted: true }),
};

function columns(name: string, own: GridColumn): readonly GridColumn[] {
  return [
    { name: "status", label: "Status", isSorted: true },
    { name: "name", label: name, isSorted: true },
    { name: "now", label: "Now", isSorted: false },
    own,
    { name: "started", label: "Started", isSorted: true },
    { name: "changed", label: "Changed", isSorted: true },
  ];
}

/** The view of runs, or of workers. */
export function Summaries({ place, lane }: LiveViewProps) {
  const kind = place.view === "workers" ? "workers" : "runs";
  const topic = lane.topics[kind];
  useBoth(lane);
  const documents = useFrames(topic.subscribe, topic.getSnapshot);
  return (
    <Browser
      label={NAMES[kind]}
      columns={COLUMNS[kind]}
      rows={documents}
      reading={SUMMARIES}
      place={place}
      drawRow={(document, at) => (
        <Row key={document.docKey} kind={kind} document={document} {...at} />
      )}
      drawDetails={(docKey, close) => (
        <Details key={docKey} kind={kind} docKey={docKey} topic={topic} onClose={close} />
      )}
      nothing={<Nothing kind={kind} topic={topic} />}
    />
  );
}

/** Follows both kinds: the other one is there when it is opened. */
function useBoth(lane: Lane): void {
  useEffect(() => {
    const ends = KINDS.map((kind) => lane.topics[kind].subscribe(() => undefined));
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }, [lane]);
}

interface NothingProps {
  readonly kind: Kind;
  readonly topic: LaneTopic<Summary>;
}

function Nothing({ kind, topic }: NothingProps) {
  const { watermark } = useFrames(topic.onStatus, topic.getStatus);
  if (watermark === null) {
    return <p className="nothing reading">Reading…</p>;
  }
  return (
    <p className="nothing">
      {kind === "runs" ? (
        <>
          No runs yet. Record one: <Command>khala run -- make test</Command>
        </>
      ) : (
        <>
          No workers yet. Start one: <Command>khala worker echo-1 -- cat</Command>
        </>
      )}
    </p>
  );
}
