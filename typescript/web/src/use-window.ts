import { type RefObject, useLayoutEffect, useState } from "react";

const OVERSCAN = 8;

/** Which rows of equal height are in view, a few more on both sides: from first to before end. */
export function useWindow(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): { readonly first: number; readonly end: number } {
  const [range, setRange] = useState({ top: 0, height: 800 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return undefined;
    }
    const look = () => setRange({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [scroller]);
  const visible = Math.floor(range.top / rowHeight);
  // The list may have become shorter than where it was scrolled to.
  const first = Math.max(0, Math.min(visible, count - 1) - OVERSCAN);
  const end = Math.min(count, visible + Math.ceil(range.height / rowHeight) + OVERSCAN);
  return { first, end: Math.max(first, end) };
}
