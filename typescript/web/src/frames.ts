/** Draws at most once a frame, and all that is due in one go. */

import { flushSync } from "react-dom";

export type Draw = () => void;

const due = new Set<Draw>();

/** Calls `draw` in the next frame, once however often it was asked for until then. */
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
