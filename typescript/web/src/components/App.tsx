import { useState, useSyncExternalStore } from "react";
import { chooseLane, chosenLane } from "../choices";
import { flag } from "../flags";
import type { LaneName } from "../lanes/lane";
import { usePlace } from "../place";
import { isSignedOut, type Session } from "../session";
import { Navigation } from "./Navigation";
import { Page } from "./Page";
import { SignedOut } from "./SignedOut";

/** The application of a session: navigation, and the page of the organisation that is shown. */
export function App({ session }: { readonly session: Session }) {
  const place = usePlace();
  const [chosen, setChosen] = useState<LaneName>(chosenLane);
  const [hasLeft, setHasLeft] = useState(false);
  const flagged = useSyncExternalStore(flag.subscribe, flag.get);
  const hasEnded = useSyncExternalStore(isSignedOut.subscribe, isSignedOut.get);
  const organisation = place.organisation ?? session.organisation;
  const changeLane = (next: LaneName) => {
    chooseLane(next);
    setChosen(next);
  };
  if (hasLeft) {
    return <SignedOut cause="left" reason="" />;
  }
  return (
    <div className="shell">
      <button
        type="button"
        className="skip"
        onClick={() => document.getElementById("content")?.focus()}
      >
        Skip to the content
      </button>
      <Navigation
        place={place}
        session={session}
        organisation={organisation}
        onLeave={() => setHasLeft(true)}
      />
      <Page
        // Another organisation's documents are others: nothing of them is carried over.
        key={organisation}
        place={place}
        session={session}
        organisation={organisation}
        hasEnded={hasEnded}
        laneName={flagged ?? chosen}
        onLane={flagged === null ? changeLane : undefined}
      />
    </div>
  );
}
