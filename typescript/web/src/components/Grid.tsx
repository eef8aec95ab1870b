import {
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  type RefObject,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useMedia, useWindow } from "../hooks";
import type { View } from "../rows";

export interface GridColumn {
  readonly name: string;
  readonly label: string;
  readonly isSorted: boolean;
  /** The least width in pixels, and whether it takes a share of what is left; else by the class. */
  readonly width?: readonly [least: number, share?: number];
  readonly isNumber?: boolean;
  /** Of its cells, instead of its name. */
  readonly className?: string;
  /** It is left out where there is no room for it, the highest first; without one it stays. */
  readonly rank?: number;
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
  /** columns: those that there is room for. */
  readonly drawRow: (row: R, place: RowPlace, columns: readonly GridColumn[]) => ReactNode;
  readonly view: View;
  readonly onView: (view: View) => void;
  readonly opened: string | null;
  readonly onOpen: (key: string) => void;
  /** Called when the last rows come into view. */
  readonly onNearEnd?: (() => void) | undefined;
  /** Instead of rows, where there are none. */
  readonly nothing: ReactNode;
}

export const PHONE = "(max-width: 640px)";
const ROW_HEIGHT = 40;
const PHONE_ROW_HEIGHT = 60;
/** As the style sheet has them. */
const COLUMN_GAP = 12;
const ROW_PADDING = 16;

/** The rows in view of a grid that may have thousands; arrows move, Enter opens. */
export function Grid<R>(props: GridProps<R>) {
  const { rows, keyOf, view, onView, opened, onOpen } = props;
  const [active, setActive] = useState<string | null>(opened);
  const scroller = useRef<HTMLDivElement>(null);
  useImperativeHandle(props.ref, () => scroller.current as HTMLDivElement);
  const isPhone = useMedia(PHONE);
  const rowHeight = isPhone ? PHONE_ROW_HEIGHT : ROW_HEIGHT;
  const { first, end } = useWindow(scroller, rows.length, rowHeight);
  const fitting = useFitting(scroller, props.columns);
  // A row on a phone has no columns: it says what fits into two lines.
  const columns = isPhone ? props.columns : fitting;
  useKeptScroll(scroller, props.label, rows.length > 0);
  const { onNearEnd } = props;
  // Another number each time there are more rows, and the last of them are in view again.
  const nearEnd = end >= rows.length ? rows.length : null;
  useEffect(() => {
    if (nearEnd !== null) {
      onNearEnd?.();
    }
  }, [nearEnd, onNearEnd]);
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
      style={tracksOf(columns)}
      onKeyDown={onKeyDown}
      data-testid="table"
    >
      <Heads columns={columns} view={view} onSort={sort} />
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="rowgroup" className="rows" style={{ height: rows.length * rowHeight }}>
        {rows.slice(first, end).map((row, offset) =>
          props.drawRow(
            row,
            {
              index: first + offset,
              height: rowHeight,
              isActive: keyOf(row) === active,
              isOpened: keyOf(row) === opened,
              onOpen: open,
            },
            columns,
          ),
        )}
      </div>
      {rows.length === 0 && props.nothing}
    </div>
  );
}

/** The columns that the grid has room for; the same array until that changes. */
function useFitting(
  scroller: RefObject<HTMLElement | null>,
  columns: readonly GridColumn[],
): readonly GridColumn[] {
  const [width, setWidth] = useState(Number.POSITIVE_INFINITY);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return undefined;
    }
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller]);
  let kept = Math.max(0, ...columns.map(({ rank = 0 }) => rank));
  while (kept > 0 && leastOf(upTo(kept, columns)) > width) {
    kept--;
  }
  return useMemo(() => upTo(kept, columns), [columns, kept]);
}

function upTo(kept: number, columns: readonly GridColumn[]): readonly GridColumn[] {
  return columns.filter(({ rank = 0 }) => rank <= kept);
}

function leastOf(columns: readonly GridColumn[]): number {
  const widths = columns.reduce((sum, { width = [0] }) => sum + width[0], 0);
  return widths + COLUMN_GAP * (columns.length - 1) + 2 * ROW_PADDING;
}

/** The columns as the style sheet wants them, where they have widths of their own. */
function tracksOf(columns: readonly GridColumn[]): CSSProperties {
  const widths = columns.map(({ width }) => width);
  if (!widths.every((each) => each !== undefined)) {
    return {};
  }
  const tracks = widths.map(([least, share]) =>
    share === undefined ? `${least}px` : `minmax(${least}px, ${share}fr)`,
  );
  return { "--tracks": tracks.join(" "), "--least": `${leastOf(columns)}px` } as CSSProperties;
}

/** Scrolls to where the grid of this name was when the page, or the grid, was left. */
function useKeptScroll(
  scroller: RefObject<HTMLElement | null>,
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
      {columns.map(({ name, label, isSorted, isNumber, className = name }) => (
        // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above
        <div
          key={name}
          role="columnheader"
          className={isNumber ? `cell number ${className}` : `cell ${className}`}
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
  readonly version: bigint | string;
  readonly className?: string;
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
      className={`row ${props.className ?? ""}${isActive ? " active" : ""}${isOpened ? " opened" : ""}`}
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
  readonly title?: string | undefined;
  readonly children: ReactNode;
}

export function Cell({ name, title, children }: CellProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: its grid is
    <div role="gridcell" className={`cell ${name}`} title={title}>
      {children}
    </div>
  );
}
