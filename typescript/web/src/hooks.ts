import {
  type RefObject,
  useEffect,
  useLayoutEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";
import { cancelDraw, inNextFrame } from "./frames";
import { type Reading, Selection, Tally, type View } from "./rows";

const OVERSCAN = 6;

/** Whether a media query matches, now and when that changes. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = matchMedia(query);
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}

/** The time in milliseconds since 1970, read again at an interval. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** The rows of equal height in view, and a few more on both sides: from first to before end. */
export function useWindow(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): { readonly first: number; readonly end: number } {
  const [height, setHeight] = useState(800);
  const [visible, setVisible] = useState(0);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return undefined;
    }
    const look = () => setVisible(Math.floor(element.scrollTop / rowHeight));
    const listen = () => inNextFrame(look);
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    element.addEventListener("scroll", listen, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", listen);
      cancelDraw(look);
    };
  }, [scroller, rowHeight]);
  // The list may have become shorter than where it was scrolled to.
  const first = Math.max(0, Math.min(visible, count - 1) - OVERSCAN);
  const end = Math.min(count, visible + Math.ceil(height / rowHeight) + 1 + OVERSCAN);
  return { first, end: Math.max(first, end) };
}

/** The rows that a view shows, in its order. */
export function useSelection<R>(rows: readonly R[], view: View, reading: Reading<R>): readonly R[] {
  const selection = useMemo(() => new Selection(view, reading), [view, reading]);
  return useMemo(() => selection.of(rows), [selection, rows]);
}

/** The number of rows of each status, by name; a chosen status also when it is 0. */
export function useTally<R>(
  rows: readonly R[],
  chosen: ReadonlySet<string>,
  reading: Pick<Reading<R>, "key" | "status">,
): readonly (readonly [string, number])[] {
  const tally = useMemo(() => new Tally(reading), [reading]);
  return useMemo(() => tally.of(rows, chosen), [tally, rows, chosen]);
}
