/** Draws at most once a frame, and all that is due in one go. */

import { useSyncExternalStore } from "react";
import { flushSync } from "react-dom";

type Draw = () => void;
type Subscribe = (listener: () => void) => () => void;

const due = new Set<Draw>();
const wrapped = new WeakMap<Subscribe, Subscribe>();

/** Calls `draw` in the next frame, once however often it was requested until then. */
export function inNextFrame(draw: Draw): void {
  if (due.size === 0) {
    requestAnimationFrame(drawAll);
  }
  due.add(draw);
}

export function cancelDraw(draw: Draw): void {
  due.delete(draw);
}

function drawAll(): void {
  const draws = [...due];
  due.clear();
  // One render for all of them, in this frame: React's own turn would be after it.
  flushSync(() => {
    for (const draw of draws) {
      draw();
    }
  });
}

/**
 * `useSyncExternalStore` that draws at most once a frame: a topic may change more often than a
 * screen does.
 */
export function useFrames<T>(subscribe: Subscribe, getSnapshot: () => T): T {
  let onceAFrame = wrapped.get(subscribe);
  if (onceAFrame === undefined) {
    onceAFrame = (listener) => {
      // A function of its own: one listener may be subscribed to several stores.
      const draw = () => listener();
      const unsubscribe = subscribe(() => inNextFrame(draw));
      return () => {
        unsubscribe();
        cancelDraw(draw);
      };
    };
    wrapped.set(subscribe, onceAFrame);
  }
  return useSyncExternalStore(onceAFrame, getSnapshot);
}
