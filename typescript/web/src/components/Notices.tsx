import { useState } from "react";
import { useFrames } from "../frames";
import type { Incident, Lane } from "../lanes/lane";
import { KINDS, NAMES, TOPICS } from "../summary";
import { shownTime } from "../times";
import type { TopicStateProps } from "./StatusStrip";

const REASONS: Readonly<Record<string, string>> = {
  below_floor: "this page was away longer than the server keeps changes",
  cursor_ahead: "the server is behind this page: its database was restored",
  epoch_changed: "the server's database was restored or replaced",
};

/** The name of a topic as the page shows it. */
function nameOf(topic: string): string {
  const kind = KINDS.find((each) => TOPICS[each] === topic);
  return kind === undefined ? topic : NAMES[kind];
}

interface NoticesProps {
  readonly lane: Lane;
  readonly topics: readonly TopicStateProps[];
  readonly isChanging: boolean;
}

/** Stale cursors and their recovery, stopped topics, and documents that are not live. */
export function Notices({ lane, topics, isChanging }: NoticesProps) {
  const incidents = useFrames(lane.incidents.subscribe, lane.incidents.get);
  const [dismissed, setDismissed] = useState<ReadonlySet<Incident>>(new Set());
  const shown = incidents.filter((each) => !dismissed.has(each));
  return (
    <div className="notices" role="log" aria-label="Notices">
      {topics.map((each) => (
        <Stopped key={each.id} {...each} />
      ))}
      {!isChanging && topics[0] && <Away lane={lane} topic={topics[0].topic} />}
      {shown.map((incident) => (
        <p
          key={`${incident.topic} ${incident.recoveredAt}`}
          className={incident.recoveredAt === null ? "notice warning" : "notice good"}
          data-testid="incident"
          data-recovered={incident.recoveredAt !== null}
        >
          <span>
            <strong>{nameOf(incident.topic)} went stale:</strong>{" "}
            {REASONS[incident.reason] ?? incident.reason}.{" "}
            {incident.recoveredAt === null
              ? "Reading everything anew…"
              : `Recovered from a snapshot at ${shownTime(incident.recoveredAt)}: ` +
                `${incident.documents} documents, nothing missing.`}
          </span>
          {incident.recoveredAt !== null && (
            <button
              type="button"
              className="button small"
              onClick={() => setDismissed(new Set([...dismissed, incident]))}
            >
              Dismiss
            </button>
          )}
        </p>
      ))}
    </div>
  );
}

function Stopped({ label, topic }: TopicStateProps) {
  const { phase, error } = useFrames(topic.onStatus, topic.getStatus);
  if (phase !== "error" || error === null) {
    return null;
  }
  return (
    <p className="notice bad">
      <span>
        <strong>{label}: not followed any more.</strong> {error.message}
      </span>
    </p>
  );
}

interface AwayProps {
  readonly lane: Lane;
  readonly topic: TopicStateProps["topic"];
}

function Away({ lane, topic }: AwayProps) {
  const { state, attempt } = useFrames(lane.connection.onStatus, lane.connection.getStatus);
  const { watermark } = useFrames(topic.onStatus, topic.getStatus);
  // Trying again is no better than waiting to; only the first try is nothing to speak of.
  const isFirst = state === "connecting" && attempt === 0;
  if (state === "connected" || isFirst || watermark === null) {
    return null;
  }
  const goesOn = state === "disconnected" || state === "connecting";
  return (
    <p className="notice warning" data-testid="away">
      <span>
        <strong>Not up to date.</strong> You see the last state that reached this page; it goes on
        from there {goesOn ? "as soon as the server answers" : "when a new try succeeds"}.
      </span>
    </p>
  );
}
