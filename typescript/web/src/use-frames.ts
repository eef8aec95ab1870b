import { useSyncExternalStore } from "react";

type Subscribe = (listener: () => void) => () => void;

const wrapped = new WeakMap<Subscribe, Subscribe>();

/**
 * Like `useSyncExternalStore`, but draws at most once a frame: a topic may change more often than
 * anybody can see.
 */
export function useFrames<T>(subscribe: Subscribe, getSnapshot: () => T): T {
  return useSyncExternalStore(onceAFrame(subscribe), getSnapshot);
}

function onceAFrame(subscribe: Subscribe): Subscribe {
  let made = wrapped.get(subscribe);
  if (made === undefined) {
    made = (listener) => {
      let frame: number | null = null;
      const unsubscribe = subscribe(() => {
        frame ??= requestAnimationFrame(() => {
          frame = null;
          listener();
        });
      });
      return () => {
        unsubscribe();
        if (frame !== null) {
          cancelAnimationFrame(frame);
        }
      };
    };
    wrapped.set(subscribe, made);
  }
  return made;
}
