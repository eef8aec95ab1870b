import { memo } from "react";
import { Cell, GridRow, type RowPlace } from "../components/Grid";
import type { SummaryDocument } from "../summary";
import * as summary from "../summary";
import { shownTime } from "../times";

interface RowProps extends RowPlace {
  readonly document: SummaryDocument;
}

/** Drawn again only when its document or its place changes, whatever else does. */
export const Row = memo(({ document, ...place }: RowProps) => {
  const { docKey, docVersion, payload } = document;
  const status = summary.status(payload);
  const title = summary.title(payload);
  return (
    <GridRow docKey={docKey} version={docVersion} {...place}>
      <Cell name="status">
        <span className={`pill ${status}`}>{status}</span>
      </Cell>
      <Cell name="name">
        <span className="id">{summary.id(payload, docKey)}</span>
        {title && <span className="title">{title}</span>}
      </Cell>
      <Cell name="now">{summary.activity(payload)}</Cell>
      <Cell name="events">{summary.eventCount(payload)}</Cell>
      <Cell name="started">{shownTime(summary.text(payload, "started_at"))}</Cell>
      <Cell name="changed">{shownTime(summary.text(payload, "latest_event_at"))}</Cell>
    </GridRow>
  );
});
