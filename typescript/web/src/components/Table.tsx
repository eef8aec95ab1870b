import type { KhalaTopic } from "khala-client";
import { type KeyboardEvent, type Ref, useImperativeHandle, useRef, useState } from "react";
import { useFrames } from "../frames";
import { useMedia, useWindow } from "../hooks";
import type { Column, View } from "../rows";
import { type Kind, NAMES, type Summary, type SummaryDocument } from "../summary";
import { Row } from "./Row";

interface TableProps {
  readonly ref: Ref<HTMLDivElement>;
  readonly kind: Kind;
  readonly rows: readonly SummaryDocument[];
  readonly total: number;
  readonly topic: KhalaTopic<Summary>;
  readonly view: View;
  readonly onView: (view: View) => void;
  readonly opened: string | null;
  readonly onOpen: (docKey: string) => void;
}

const COLUMNS: readonly (readonly [Column | null, string])[] = [
  ["status", "Status"],
  ["name", "Name"],
  [null, "Now"],
  ["events", "Events"],
  ["started", "Started"],
  ["changed", "Changed"],
];
const ROW_HEIGHT = 40;
const PHONE_ROW_HEIGHT = 60;

/** The rows in view of a grid that may have thousands; arrows move, Enter opens. */
export function Table(props: TableProps) {
  const { kind, rows, total, topic, view, onView, opened, onOpen } = props;
  const [active, setActive] = useState<string | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  useImperativeHandle(props.ref, () => scroller.current as HTMLDivElement);
  const rowHeight = useMedia("(max-width: 640px)") ? PHONE_ROW_HEIGHT : ROW_HEIGHT;
  const { first, end } = useWindow(scroller, rows.length, rowHeight);
  const activeIndex = rows.findIndex((each) => each.docKey === active);

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 1;
    const last = rows.length - 1;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: activeIndex + 1,
      ArrowUp: activeIndex - 1,
      PageDown: activeIndex + page,
      PageUp: activeIndex - page,
      Home: 0,
      End: last,
    };
    const asked = moves[event.key];
    if (event.target !== scroller.current || rows.length === 0) {
      return;
    }
    if (asked !== undefined) {
      event.preventDefault();
      const next = Math.max(0, Math.min(last, asked));
      setActive(rows[next]?.docKey ?? null);
      showRow(scroller.current, next, rowHeight);
    } else if ((event.key === "Enter" || event.key === " ") && active !== null) {
      event.preventDefault();
      onOpen(active);
    }
  };

  const sort = (column: Column) =>
    onView({ ...view, column, isDescending: view.column === column && !view.isDescending });

  return (
    // biome-ignore lint/a11y/useSemanticElements: most rows are not in the page, a table's must be
    <div
      ref={scroller}
      className="grid"
      role="grid"
      aria-label={NAMES[kind]}
      aria-rowcount={rows.length + 1}
      aria-activedescendant={
        activeIndex >= first && activeIndex < end ? `row-${active}` : undefined
      }
      tabIndex={0}
      onKeyDown={onKeyDown}
      data-testid="table"
    >
      <Heads view={view} onSort={sort} />
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="rowgroup" className="rows" style={{ height: rows.length * rowHeight }}>
        {rows.slice(first, end).map((document, offset) => (
          <Row
            key={document.docKey}
            document={document}
            index={first + offset}
            height={rowHeight}
            isActive={document.docKey === active}
            isOpened={document.docKey === opened}
            onOpen={(docKey) => {
              setActive(docKey);
              onOpen(docKey);
            }}
          />
        ))}
      </div>
      {rows.length === 0 && <Nothing total={total} kind={kind} topic={topic} />}
    </div>
  );
}

function showRow(scroller: HTMLElement, index: number, rowHeight: number): void {
  const head = scroller.querySelector<HTMLElement>(".heads")?.offsetHeight ?? 0;
  const top = index * rowHeight;
  const room = scroller.clientHeight - head;
  if (top < scroller.scrollTop) {
    scroller.scrollTop = top;
  } else if (top + rowHeight > scroller.scrollTop + room) {
    scroller.scrollTop = top + rowHeight - room;
  }
}

interface HeadsProps {
  readonly view: View;
  readonly onSort: (column: Column) => void;
}

function Heads({ view, onSort }: HeadsProps) {
  const direction = view.isDescending ? "descending" : "ascending";
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: its grid is
    <div role="row" aria-rowindex={1} className="heads">
      {COLUMNS.map(([column, label]) => (
        // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above
        <div
          key={label}
          role="columnheader"
          className={`cell ${label.toLowerCase()}`}
          aria-sort={column === null ? undefined : column === view.column ? direction : "none"}
        >
          {column === null ? (
            label
          ) : (
            <button type="button" onClick={() => onSort(column)}>
              {label}
              <span aria-hidden="true">
                {column === view.column && (view.isDescending ? " ↓" : " ↑")}
              </span>
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

function Nothing({ total, kind, topic }: Pick<TableProps, "total" | "kind" | "topic">) {
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
