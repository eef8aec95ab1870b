import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { chooseLane, chosenLane } from "../choices";
import { useFrames } from "../frames";
import { History } from "../history";
import { khalaLane } from "../lanes/khala";
import type { Lane, LaneName } from "../lanes/lane";
import { legacyLane } from "../lanes/legacy";
import { FIRST_VIEW, select, type View } from "../rows";
import type { Session } from "../session";
import { KINDS, type Kind } from "../summary";
import { Details } from "./Details";
import { Header } from "./Header";
import { Notices } from "./Notices";
import { StatusStrip } from "./StatusStrip";
import { Table } from "./Table";
import { Toolbar } from "./Toolbar";

/** The page with one lane at a time; another lane starts it over. */
export function App({ session }: { readonly session: Session }) {
  const [name, setName] = useState<LaneName>(chosenLane);
  const [lane, setLane] = useState<Lane | null>(null);
  useEffect(() => {
    const made = name === "khala" ? khalaLane(session) : legacyLane();
    setLane(made);
    return made.close;
  }, [name, session]);
  const change = (next: LaneName) => {
    chooseLane(next);
    setName(next);
  };
  return lane && <Page key={lane.name} lane={lane} session={session} onLane={change} />;
}

interface PageProps {
  readonly lane: Lane;
  readonly session: Session;
  readonly onLane: (name: LaneName) => void;
}

function Page({ lane, session, onLane }: PageProps) {
  const [kind, setKind] = useState<Kind>("runs");
  const [view, setView] = useState<View>(FIRST_VIEW);
  const [opened, setOpened] = useState<string | null>(null);
  const history = useHistory(lane);
  const grid = useRef<HTMLDivElement>(null);
  const topic = lane.topics[kind];
  const documents = useFrames(topic.subscribe, topic.getSnapshot);
  const rows = useMemo(() => select(documents, view), [documents, view]);

  const open = useCallback(
    (docKey: string) => {
      history.watched = docKey;
      setOpened(docKey);
    },
    [history],
  );
  const close = () => {
    history.watched = null;
    setOpened(null);
    grid.current?.focus({ preventScroll: true });
  };
  const changeKind = (next: Kind) => {
    setKind(next);
    setView({ ...view, statuses: new Set() });
    history.watched = null;
    setOpened(null);
  };

  return (
    <div className="page">
      <Header lane={lane.name} onLane={onLane} organisation={session.organisation} />
      <StatusStrip lane={lane} />
      <Notices lane={lane} />
      <Toolbar
        kind={kind}
        onKind={changeKind}
        lane={lane}
        documents={documents}
        view={view}
        onView={setView}
      />
      <main className={opened === null ? "content" : "content with-details"}>
        <Table
          ref={grid}
          kind={kind}
          rows={rows}
          total={documents.length}
          topic={topic}
          view={view}
          onView={setView}
          opened={opened}
          onOpen={open}
        />
        {opened !== null && (
          <Details key={opened} docKey={opened} topic={topic} history={history} onClose={close} />
        )}
      </main>
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
