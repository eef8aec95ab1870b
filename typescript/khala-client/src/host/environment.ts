/** Events of the page and the network, on platforms that have them. */

/** Calls `wake` when a try may succeed now, `hide` when the page may end without another event. */
export function watchEnvironment(wake: () => void, hide: () => void): () => void {
  const end = new AbortController();
  const listen = (target: Partial<EventTarget> | undefined, name: string, work: () => void) =>
    target?.addEventListener?.(name, work, { signal: end.signal });
  listen(globalThis, "online", wake);
  // The platform reports that the network is gone: a probe finds out.
  listen(globalThis, "offline", wake);
  listen(globalThis, "pagehide", hide);
  listen(globalThis.document, "visibilitychange", () => (isHidden() ? hide() : wake()));
  return () => end.abort();
}

/** Whether a try now would fail or its result would not be visible. */
export function isAway(): boolean {
  return globalThis.navigator?.onLine === false || isHidden();
}

function isHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
