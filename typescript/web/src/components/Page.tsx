import { Suspense, useEffect } from "react";
import { useLane } from "../lanes/change";
import type { Lane, LaneName } from "../lanes/lane";
import { addressOf } from "../place";
import { LABELS, type ViewProps, viewOf } from "../views";
import { Boundary } from "./Boundary";
import { topicsOf } from "./followed";
import { Notices } from "./Notices";
import { StatusStrip } from "./StatusStrip";

interface PageProps extends Omit<ViewProps, "lane"> {
  /** The session has ended: what is shown does not change any more. */
  readonly hasEnded: boolean;
  readonly laneName: LaneName;
  /** Undefined: `khala flags` decides. */
  readonly onLane: ((name: LaneName) => void) | undefined;
}

/** One view. The lane of documents may change while it is open; nothing else of it does then. */
export function Page({ hasEnded, laneName, onLane, ...given }: PageProps) {
  const { place, session, organisation } = given;
  const { view, section } = place;
  const shown = viewOf(place);
  const followed = topicsOf(place, session);
  const lane = useLane(
    "live" in shown && organisation !== "" ? laneName : null,
    session,
    organisation,
    followed.map(({ topic }) => topic),
  );
  const isChanging = lane !== null && lane.name !== laneName;
  const part = view === "topics" ? section : "";
  useEffect(() => {
    document.title = `${part || LABELS[view]} · Khala`;
  }, [part, view]);
  return (
    <div className="page" data-view={view} data-lane={lane?.name} data-changing={isChanging}>
      <h1 className="heading">
        {part ? (
          <>
            <a href={addressOf(view)}>{LABELS[view]}</a>
            <span aria-hidden="true"> / </span>
            <span className="part">{part}</span>
          </>
        ) : (
          LABELS[view]
        )}
      </h1>
      {hasEnded && (
        <p className="notice warning" role="alert">
          <span>
            <strong>Your session has ended.</strong> What you see does not change any more. Sign in
            again with a link of <code>khala page</code>.
          </span>
        </p>
      )}
      <main id="content" className="main" tabIndex={-1} aria-label={part || LABELS[view]}>
        <Boundary key={`${view} ${part}`}>
          <Suspense fallback={<p className="nothing">Reading…</p>}>
            {"read" in shown ? (
              <shown.read key={`${view} ${part}`} lane={lane} {...given} />
            ) : organisation === "" ? (
              <p className="nothing">
                No organisation has documents yet. Choose one at the top of the menu, or record a
                run: <code>khala run -- make test</code>
              </p>
            ) : (
              lane && (
                <>
                  <Connection {...{ lane, laneName, onLane, followed, isChanging }} />
                  <shown.live key={`${view} ${part}`} lane={lane} {...given} />
                </>
              )
            )}
          </Suspense>
        </Boundary>
      </main>
    </div>
  );
}

interface ConnectionProps {
  readonly lane: Lane;
  readonly laneName: LaneName;
  readonly onLane: ((name: LaneName) => void) | undefined;
  readonly followed: ReturnType<typeof topicsOf>;
  readonly isChanging: boolean;
}

/** How documents come to this page, and what is wrong with that. */
function Connection({ lane, laneName, onLane, followed, isChanging }: ConnectionProps) {
  const topics = followed.map((each) => ({ ...each, topic: lane.topic(each.topic) }));
  return (
    <>
      <StatusStrip {...{ lane, laneName, onLane, topics, isChanging }} />
      <Notices {...{ lane, topics, isChanging }} />
    </>
  );
}
