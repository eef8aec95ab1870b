import { lazy, Suspense, useRef, useState } from "react";
import { Icon } from "../components/icons";
import { goTo, VIEWS } from "../place";
import { useCharacters, VIEW_KEYS } from "./keys";

const Sheet = lazy(async () => ({ default: (await import("./Sheet")).Sheet }));

/** The longest time between `g` and the key of a view. */
const PAUSE_MS = 1_500;

/** The keys of the whole page, and the button that opens their sheet. */
export function Keys() {
  const [isOpen, setOpen] = useState(false);
  const wentAt = useRef(Number.NEGATIVE_INFINITY);
  useCharacters((character) => {
    const isSecond = performance.now() - wentAt.current < PAUSE_MS;
    wentAt.current = Number.NEGATIVE_INFINITY;
    if (isSecond) {
      const view = VIEWS.find((each) => VIEW_KEYS[each] === character);
      if (view !== undefined) {
        goTo(view);
      }
      return view !== undefined;
    }
    if (character === "g") {
      wentAt.current = performance.now();
      return true;
    }
    if (character === "?") {
      setOpen(true);
      return true;
    }
    return false;
  });
  return (
    <>
      <button type="button" className="leave" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Icon name="keys" /> Keys
      </button>
      {isOpen && (
        <Suspense>
          <Sheet onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
