/** What the page and the network say: where there is neither, nothing is said. */

/** Calls `wake` when a try is worth it now, `hide` when the page may end without a word. */
export function watchEnvironment(wake: () => void, hide: () => void): () => void {
  const target = globalThis.addEventListener === undefined ? null : globalThis;
  const page = globalThis.document ?? null;
  const turn = () => (isHidden() ? hide() : wake());
  target?.addEventListener("online", wake);
  // The network is gone, or so it says: a probe finds out.
  target?.addEventListener("offline", wake);
  target?.addEventListener("pagehide", hide);
  page?.addEventListener("visibilitychange", turn);
  return () => {
    target?.removeEventListener("online", wake);
    target?.removeEventListener("offline", wake);
    target?.removeEventListener("pagehide", hide);
    page?.removeEventListener("visibilitychange", turn);
  };
}

/** Whether a try now would be in vain or for nobody to see. */
export function isAway(): boolean {
  return globalThis.navigator?.onLine === false || isHidden();
}

function isHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
