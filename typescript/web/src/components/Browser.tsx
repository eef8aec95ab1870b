import { type ReactNode, useEffect, useRef } from "react";
import { useSelection } from "../hooks";
import { go, type Place } from "../place";
import type { Reading, View } from "../rows";
import { Grid, type GridColumn, type RowPlace } from "./Grid";
import { Filter } from "./Toolbar";

interface BrowserProps<R> {
  /** The name of the table. */
  readonly label: string;
  readonly className?: string;
  readonly columns: readonly GridColumn[];
  /** All of them, without any filter. */
  readonly rows: readonly R[];
  readonly reading: Reading<R>;
  readonly place: Place;
  /** columns: those that there is room for. */
  readonly drawRow: (row: R, place: RowPlace, columns: readonly GridColumn[]) => ReactNode;
  /** The details of the row of this key, which may be gone. */
  readonly drawDetails: (key: string, onClose: () => void) => ReactNode;
  /** Instead of rows, where there are none at all. */
  readonly nothing: ReactNode;
  /** More controls beside the filter. */
  readonly tools?: ReactNode;
  /** Called with the key of a row; without it, its details are opened. */
  readonly onOpen?: (key: string) => void;
  readonly onNearEnd?: (() => void) | undefined;
}

/** A table with its filter, and the details of one row beside it: each of the page's tables. */
export function Browser<R>(props: BrowserProps<R>) {
  const { rows, reading, place } = props;
  const { filter, opened } = place;
  const grid = useRef<HTMLDivElement>(null);
  const shown = useSelection(rows, filter, reading);
  const close = () => {
    go({ opened: null });
    grid.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <Filter
        rows={rows}
        shown={shown.length}
        reading={reading}
        view={filter}
        onView={changeFilter}
      >
        {props.tools}
      </Filter>
      <div className={opened === null ? "content" : "content with-details"}>
        <Grid
          ref={grid}
          label={props.label}
          className={props.className ?? ""}
          columns={props.columns}
          rows={shown}
          keyOf={reading.key}
          drawRow={props.drawRow}
          view={filter}
          onView={changeFilter}
          opened={opened}
          onOpen={props.onOpen ?? open}
          onNearEnd={props.onNearEnd}
          nothing={
            rows.length > 0 ? (
              <p className="nothing">Nothing matches. {rows.length} are there.</p>
            ) : (
              props.nothing
            )
          }
        />
        {opened !== null && props.drawDetails(opened, close)}
      </div>
    </>
  );
}

function changeFilter(filter: View): void {
  go({ filter });
}

function open(key: string): void {
  go({ opened: key });
}

interface DetailsPanelProps {
  readonly name: string;
  readonly className?: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** The details of one row, beside the table. Escape closes it. */
export function DetailsPanel({ name, className, onClose, children }: DetailsPanelProps) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus(), []);
  return (
    <aside
      ref={panel}
      className={className === undefined ? "details" : `details ${className}`}
      tabIndex={-1}
      aria-label={`Details of ${name}`}
      data-testid="details"
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          onClose();
        }
      }}
    >
      <div className="details-head">
        <h2>{name}</h2>
        <button type="button" className="button" onClick={onClose} aria-keyshortcuts="Escape">
          Close
        </button>
      </div>
      {children}
    </aside>
  );
}

interface FactsProps {
  /** Names and values; one without a value is left out. */
  readonly facts: readonly (readonly [name: string, value: ReactNode])[];
}

export function Facts({ facts }: FactsProps) {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
