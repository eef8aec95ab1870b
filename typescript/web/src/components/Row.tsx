import { memo } from "react";
import type { SummaryDocument } from "../summary";
import * as summary from "../summary";
import { shownTime } from "../times";

interface RowProps {
  readonly document: SummaryDocument;
  readonly index: number;
  readonly height: number;
  readonly isActive: boolean;
  readonly isOpened: boolean;
  readonly onOpen: (docKey: string) => void;
}

/** Drawn again only when its document or its place changes, whatever else does. */
export const Row = memo(DrawnRow, (before, after) =>
  (["document", "index", "height", "isActive", "isOpened"] as const).every(
    (name) => before[name] === after[name],
  ),
);

function DrawnRow({ document, index, height, isActive, isOpened, onOpen }: RowProps) {
  const { docKey, payload } = document;
  const status = summary.status(payload);
  const title = summary.title(payload);
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the grid has the focus and the keys
    <div
      id={`row-${docKey}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isOpened}
      className={`row${isActive ? " active" : ""}${isOpened ? " opened" : ""}`}
      style={{ height, transform: `translateY(${index * height}px)` }}
      onClick={() => onOpen(docKey)}
      data-key={docKey}
      data-version={String(document.docVersion)}
    >
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
    </div>
  );
}

interface CellProps {
  readonly name: string;
  readonly children: React.ReactNode;
}

function Cell({ name, children }: CellProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: its grid is
    <div role="gridcell" className={`cell ${name}`}>
      {children}
    </div>
  );
}
