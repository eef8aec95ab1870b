import { useSyncExternalStore } from "react";
import { ago, wholeTime } from "../times";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for every time on the page. */
function tick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) {
      each();
    }
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** What `read` returns, looked at every second; draws again only when that is another value. */
export function useEverySecond<T>(read: () => T): T {
  return useSyncExternalStore(tick, read);
}

/** How long ago something was, in milliseconds since 1970; drawn again only when its words change. */
export function Ago({ at }: { readonly at: number }) {
  const words = useEverySecond(() => ago(at, Date.now()));
  return (
    <time dateTime={new Date(at).toISOString()} title={wholeTime(at)}>
      {words}
    </time>
  );
}
