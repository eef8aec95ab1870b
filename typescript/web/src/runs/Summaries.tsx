import type { KhalaTopic } from "khala-client";
import { useEffect } from "react";
import { Browser } from "../components/Browser";
import type { GridColumn } from "../components/Grid";
import { useFrames } from "../frames";
import type { Lane } from "../lanes/lane";
import { SUMMARIES } from "../rows";
import { KINDS, type Kind, NAMES, type Summary } from "../summary";
import type { LiveViewProps } from "../views";
import { Details } from "./Details";
import { History } from "./history";
import { Row } from "./Row";

const COLUMNS: readonly GridColumn[] = [
  { name: "status", label: "Status", isSorted: true },
  { name: "name", label: "Name", isSorted: true },
  { name: "now", label: "Now", isSorted: false },
  { name: "events", label: "Events", isSorted: true },
  { name: "started", label: "Started", isSorted: true },
  { name: "changed", label: "Changed", isSorted: true },
];

/** Of each organisation, for as long as the page is open. */
const histories = new Map<string, History>();

/** The view of runs, or of workers. */
export function Summaries({ place, lane, organisation }: LiveViewProps) {
  const kind = place.view === "workers" ? "workers" : "runs";
  const history = useHistory(lane, organisation);
  const topic = lane.topics[kind];
  const documents = useFrames(topic.subscribe, topic.getSnapshot);
  useEffect(() => {
    history.watched = place.opened;
  }, [history, place.opened]);
  return (
    <Browser
      label={NAMES[kind]}
      columns={COLUMNS}
      rows={documents}
      reading={SUMMARIES}
      place={place}
      drawRow={(document, at) => <Row key={document.docKey} document={document} {...at} />}
      drawDetails={(docKey, close) => (
        <Details key={docKey} docKey={docKey} topic={topic} history={history} onClose={close} />
      )}
      nothing={<Nothing kind={kind} topic={topic} />}
    />
  );
}

/** Records the updates of both kinds, also of the one that is not shown. */
function useHistory(lane: Lane, organisation: string): History {
  const history = histories.get(organisation) ?? new History();
  histories.set(organisation, history);
  useEffect(() => {
    const ends = KINDS.map((kind) => lane.topics[kind].subscribe(history.record));
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }, [lane, history]);
  return history;
}

interface NothingProps {
  readonly kind: Kind;
  readonly topic: KhalaTopic<Summary>;
}

function Nothing({ kind, topic }: NothingProps) {
  const { watermark } = useFrames(topic.onStatus, topic.getStatus);
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
        <>
          No workers yet. Start one: <code>khala worker</code>
        </>
      )}
    </p>
  );
}
