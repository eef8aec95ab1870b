/** What the page and the network say: where there is neither, nothing is said. */

/** Calls `wake` when a try is worth it now, `hide` when the page may end without a word. */
export function watchEnvironment(wake: () => void, hide: () => void): () => void {
  const end = new AbortController();
  const listen = (target: Partial<EventTarget> | undefined, name: string, work: () => void) =>
    target?.addEventListener?.(name, work, { signal: end.signal });
  listen(globalThis, "online", wake);
  // The network is gone, or so it says: a probe finds out.
  listen(globalThis, "offline", wake);
  listen(globalThis, "pagehide", hide);
  listen(globalThis.document, "visibilitychange", () => (isHidden() ? hide() : wake()));
  return () => end.abort();
}

/** Whether a try now would be in vain or for nobody to see. */
export function isAway(): boolean {
  return globalThis.navigator?.onLine === false || isHidden();
}

function isHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
