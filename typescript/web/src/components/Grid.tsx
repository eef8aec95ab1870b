import {
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  useCallback,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
} from "react";
import { useMedia, useWindow } from "../hooks";
import type { View } from "../rows";

export interface GridColumn {
  readonly name: string;
  readonly label: string;
  readonly isSorted: boolean;
}

/** What a row has to know of its place. */
export interface RowPlace {
  readonly index: number;
  readonly height: number;
  readonly isActive: boolean;
  readonly isOpened: boolean;
  readonly onOpen: (key: string) => void;
}

interface GridProps<R> {
  readonly ref: Ref<HTMLDivElement>;
  readonly label: string;
  readonly className?: string;
  readonly columns: readonly GridColumn[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string;
  readonly drawRow: (row: R, place: RowPlace) => ReactNode;
  readonly view: View;
  readonly onView: (view: View) => void;
  readonly opened: string | null;
  readonly onOpen: (key: string) => void;
  /** Instead of rows, where there are none. */
  readonly nothing: ReactNode;
}

const ROW_HEIGHT = 40;
const PHONE_ROW_HEIGHT = 60;

/** The rows in view of a grid that may have thousands; arrows move, Enter opens. */
export function Grid<R>(props: GridProps<R>) {
  const { rows, keyOf, view, onView, opened, onOpen } = props;
  const [active, setActive] = useState<string | null>(opened);
  const scroller = useRef<HTMLDivElement>(null);
  useImperativeHandle(props.ref, () => scroller.current as HTMLDivElement);
  const rowHeight = useMedia("(max-width: 640px)") ? PHONE_ROW_HEIGHT : ROW_HEIGHT;
  const { first, end } = useWindow(scroller, rows.length, rowHeight);
  useKeptScroll(scroller, props.label, rows.length > 0);
  const activeIndex = rows.findIndex((each) => keyOf(each) === active);

  // The same function for as long as `onOpen` is: a row is drawn again only when it changes.
  const open = useCallback(
    (key: string) => {
      setActive(key);
      onOpen(key);
    },
    [onOpen],
  );

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
      const row = rows[next];
      setActive(row === undefined ? null : keyOf(row));
      showRow(scroller.current, next, rowHeight);
    } else if ((event.key === "Enter" || event.key === " ") && active !== null) {
      event.preventDefault();
      onOpen(active);
    }
  };

  const sort = (column: string) =>
    onView({ ...view, column, isDescending: view.column === column && !view.isDescending });

  return (
    // biome-ignore lint/a11y/useSemanticElements: most rows are not in the page, a table's must be
    <div
      ref={scroller}
      className={`grid ${props.className ?? ""}`}
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-activedescendant={
        activeIndex >= first && activeIndex < end ? `row-${active}` : undefined
      }
      tabIndex={0}
      onKeyDown={onKeyDown}
      data-testid="table"
    >
      <Heads columns={props.columns} view={view} onSort={sort} />
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="rowgroup" className="rows" style={{ height: rows.length * rowHeight }}>
        {rows.slice(first, end).map((row, offset) =>
          props.drawRow(row, {
            index: first + offset,
            height: rowHeight,
            isActive: keyOf(row) === active,
            isOpened: keyOf(row) === opened,
            onOpen: open,
          }),
        )}
      </div>
      {rows.length === 0 && props.nothing}
    </div>
  );
}

/** Scrolls to where the grid of this name was when the page, or the grid, was left. */
function useKeptScroll(
  scroller: React.RefObject<HTMLElement | null>,
  name: string,
  hasRows: boolean,
): void {
  const key = `khala.scroll.${name}`;
  useEffect(() => {
    const element = scroller.current;
    if (!hasRows || element === null) {
      return undefined;
    }
    element.scrollTop = Number(sessionStorage.getItem(key));
    const keep = () => sessionStorage.setItem(key, String(element.scrollTop));
    addEventListener("pagehide", keep);
    return () => {
      keep();
      removeEventListener("pagehide", keep);
    };
  }, [scroller, key, hasRows]);
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
  readonly columns: readonly GridColumn[];
  readonly view: View;
  readonly onSort: (column: string) => void;
}

function Heads({ columns, view, onSort }: HeadsProps) {
  const direction = view.isDescending ? "descending" : "ascending";
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: its grid is
    <div role="row" aria-rowindex={1} className="heads">
      {columns.map(({ name, label, isSorted }) => (
        // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above
        <div
          key={name}
          role="columnheader"
          className={`cell ${name}`}
          aria-sort={!isSorted ? undefined : name === view.column ? direction : "none"}
        >
          {!isSorted ? (
            label
          ) : (
            <button type="button" onClick={() => onSort(name)}>
              {label}
              <span aria-hidden="true">
                {name === view.column && (view.isDescending ? " ↓" : " ↑")}
              </span>
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

interface GridRowProps extends RowPlace {
  readonly docKey: string;
  readonly version: bigint;
  readonly children: ReactNode;
}

export function GridRow(props: GridRowProps) {
  const { docKey, version, index, height, isActive, isOpened, onOpen, children } = props;
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
      data-version={String(version)}
    >
      {children}
    </div>
  );
}

interface CellProps {
  readonly name: string;
  readonly children: ReactNode;
}

export function Cell({ name, children }: CellProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: its grid is
    <div role="gridcell" className={`cell ${name}`}>
      {children}
    </div>
  );
}
