import { Window } from "happy-dom";
import { onTestFinished, vi } from "vitest";

/** A page around the test: a document, and events of network and visibility. */
export function openPage() {
  const window = new Window();
  const page = { isOnline: true, visibility: "visible" };
  vi.stubGlobal("window", window);
  vi.stubGlobal("document", window.document);
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  vi.stubGlobal("navigator", {
    get onLine() {
      return page.isOnline;
    },
  });
  Object.defineProperty(window.document, "visibilityState", { get: () => page.visibility });
  onTestFinished(async () => {
    vi.unstubAllGlobals();
    await window.happyDOM.close();
  });
  return {
    window,
    setOnline: (isOnline: boolean) => {
      page.isOnline = isOnline;
      window.dispatchEvent(new window.Event(isOnline ? "online" : "offline"));
    },
    setVisible: (isVisible: boolean) => {
      page.visibility = isVisible ? "visible" : "hidden";
      window.document.dispatchEvent(new window.Event("visibilitychange"));
    },
  };
}
