import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from "react";
import { chooseLane, chosenLane } from "../choices";
import { flag } from "../flags";
import { useLane } from "../lanes/change";
import type { Lane, LaneName } from "../lanes/lane";
import { allowedSections, LABELS, topicOf } from "../lightning/topics";
import { place as current } from "../place";
import { History } from "../runs/history";
import { Summaries } from "../runs/Summaries";
import type { Session } from "../session";
import { KINDS, NAMES } from "../summary";
import { Header } from "./Header";
import { Notices } from "./Notices";
import { StatusStrip } from "./StatusStrip";
import { Views } from "./Toolbar";

const Lightning = lazy(async () => ({
  default: (await import("../lightning/Lightning")).Lightning,
}));

/** The page. Its lane may change while it is open; nothing else of it does then. */
export function App({ session }: { readonly session: Session }) {
  const [chosen, setChosen] = useState<LaneName>(chosenLane);
  const flagged = useSyncExternalStore(flag.subscribe, flag.get);
  const name = flagged ?? chosen;
  const { view } = useSyncExternalStore(current.subscribe, current.get);
  const lightning = view === "lightning" ? allowedSections(session).map(topicOf) : [];
  const lane = useLane(name, session, lightning);
  const change = (next: LaneName) => {
    chooseLane(next);
    setChosen(next);
  };
  return (
    lane && (
      <Page
        lane={lane}
        target={name}
        session={session}
        onLane={flagged === null ? change : undefined}
      />
    )
  );
}

interface PageProps {
  readonly lane: Lane;
  /** The lane that is to be shown. */
  readonly target: LaneName;
  readonly session: Session;
  /** Undefined: it is not chosen here. */
  readonly onLane: ((name: LaneName) => void) | undefined;
}

function Page({ lane, target, session, onLane }: PageProps) {
  const place = useSyncExternalStore(current.subscribe, current.get);
  const history = useHistory(lane);
  const isChanging = lane.name !== target;
  const topics =
    place.view === "lightning"
      ? allowedSections(session).map((each) => ({
          id: each,
          label: LABELS[each],
          topic: lane.topic(topicOf(each)),
        }))
      : KINDS.map((kind) => ({ id: kind, label: NAMES[kind], topic: lane.topics[kind] }));
  return (
    <div className="page" data-lane={lane.name} data-changing={isChanging}>
      <Header lane={target} onLane={onLane} organisation={session.organisation} />
      <StatusStrip lane={lane} topics={topics} isChanging={isChanging} />
      <Notices lane={lane} isChanging={isChanging} />
      <Views view={place.view} lane={lane} />
      {place.view === "lightning" ? (
        <Suspense fallback={<p className="nothing">Reading…</p>}>
          <Lightning place={place} lane={lane} session={session} />
        </Suspense>
      ) : (
        <Summaries key={place.view} kind={place.view} place={place} lane={lane} history={history} />
      )}
    </div>
  );
}

/** Records the updates of every topic, which also follows the topics that are not shown. */
function useHistory(lane: Lane): History {
  const [history] = useState(() => new History());
  useEffect(() => {
    const ends = KINDS.map((kind) => lane.topics[kind].subscribe(history.record));
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }, [lane, history]);
  return history;
}
