import type { KhalaTopic } from "khala-client";
import type { ReactNode } from "react";
import { DetailsPanel, Facts } from "../components/Browser";
import { useFrames } from "../frames";
import type { Summary, SummaryDocument } from "../summary";
import * as summary from "../summary";
import { shownTime, wholeTime } from "../times";
import type { Arrival, History } from "./history";

interface DetailsProps {
  readonly docKey: string;
  readonly topic: KhalaTopic<Summary>;
  readonly history: History;
  readonly onClose: () => void;
}

/** One document as it stands, and its versions as they come. */
export function Details({ docKey, topic, history, onClose }: DetailsProps) {
  const document = useFrames(topic.subscribe, () => topic.get(docKey));
  const arrivals = useFrames(history.subscribe, () => history.of(docKey));
  const last = document ?? arrivals[0]?.document;
  const name = last ? summary.id(last.payload, docKey) : docKey;
  return (
    <DetailsPanel name={name} onClose={onClose}>
      {document === undefined && <p className="notice warning">It has been deleted.</p>}
      {last !== undefined && <Facts facts={factsOf(last)} />}
      <h3>
        History <span className="quiet">as it arrives, since this page was opened</span>
      </h3>
      <ol className="history" aria-live="off" data-testid="history">
        {arrivals.map((arrival) => (
          <Version key={`${arrival.document.docVersion} ${arrival.at}`} arrival={arrival} />
        ))}
      </ol>
      {last !== undefined && (
        <details className="payload">
          <summary>Payload</summary>
          <pre>{JSON.stringify(last.payload, null, 2)}</pre>
        </details>
      )}
    </DetailsPanel>
  );
}

function factsOf({
  payload,
  docVersion,
  watermark,
  docKey,
}: SummaryDocument): readonly (readonly [string, ReactNode])[] {
  const status = summary.status(payload);
  return [
    [
      "Status",
      <span key="status" className={`pill ${status}`}>
        {status}
      </span>,
    ],
    ["Title", summary.text(payload, "title")],
    ["Command", summary.command(payload)],
    ["Task", summary.text(payload, "task")],
    ["Now", summary.activity(payload)],
    ["Started", wholeTime(summary.text(payload, "started_at"))],
    ["Finished", wholeTime(summary.text(payload, "finished_at"))],
    ["Events", String(summary.eventCount(payload))],
    ["Version", String(docVersion)],
    ["Watermark", String(watermark)],
    ["Key", docKey],
  ];
}

function Version({ arrival: { document, at, changed } }: { readonly arrival: Arrival }) {
  const status = summary.status(document.payload);
  return (
    <li data-version={String(document.docVersion)}>
      <time dateTime={new Date(at).toISOString()}>{shownTime(at)}</time>
      <span className="version">v{String(document.docVersion)}</span>
      <span className={`pill ${status}`}>{status}</span>
      <span className="changes">{changed === null ? "first seen" : changed.join(", ")}</span>
      <span className="activity">{summary.activity(document.payload)}</span>
    </li>
  );
}
