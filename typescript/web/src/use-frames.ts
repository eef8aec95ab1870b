import { useSyncExternalStore } from "react";
import { cancelDraw, inNextFrame } from "./frames";

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
      // A function of its own: one listener may be subscribed to several things.
      const draw = () => listener();
      const unsubscribe = subscribe(() => inNextFrame(draw));
      return () => {
        unsubscribe();
        cancelDraw(draw);
      };
    };
    wrapped.set(subscribe, made);
  }
  return made;
}
