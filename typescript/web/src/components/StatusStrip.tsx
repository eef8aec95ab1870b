import type { KhalaStatus, TopicStatus } from "khala-client";
import { useFrames } from "../frames";
import { useNow } from "../hooks";
import { type Lane, type LaneName, type LaneTopic, POLL_MS } from "../lanes/lane";
import { Choice } from "./Choice";

interface StatusStripProps {
  readonly lane: Lane;
  /** The lane that is to be shown. */
  readonly laneName: LaneName;
  /** Undefined: `khala flags` decides. */
  readonly onLane: ((name: LaneName) => void) | undefined;
  readonly topics: readonly TopicStateProps[];
  readonly isChanging: boolean;
}

/** The state of the connection and of each topic. */
export function StatusStrip({ lane, laneName, onLane, topics, isChanging }: StatusStripProps) {
  return (
    <section className={topics.length > 2 ? "strip many" : "strip"} aria-label="Connection">
      {isChanging ? (
        <div className="state" data-testid="connection" data-state="changing">
          <span className="dot" aria-hidden="true" />
          <strong role="status">Changing the lane…</strong>
        </div>
      ) : (
        <Connection lane={lane} />
      )}
      {topics.map((each) => (
        <TopicState key={each.id} {...each} />
      ))}
      <Choice
        label="Lane"
        value={laneName}
        options={[
          ["khala", "Khala"],
          ["legacy", "Polling"],
        ]}
        onChange={onLane}
        note="khala flags decides: khala flags set web --lane …"
      />
    </section>
  );
}

function Connection({ lane }: { readonly lane: Lane }) {
  const status = useFrames(lane.connection.onStatus, lane.connection.getStatus);
  const isTrying = status.state !== "connected" && status.state !== "connecting";
  return (
    <div className={`state ${status.state}`} data-testid="connection" data-state={status.state}>
      <span className="dot" aria-hidden="true" />
      <strong role="status">{said(lane, status)}</strong>
      {isTrying && <Retry status={status} />}
      {isTrying && (
        <button type="button" className="button small" onClick={lane.connection.connect}>
          Try now
        </button>
      )}
    </div>
  );
}

function said(lane: Lane, { state }: KhalaStatus): string {
  switch (state) {
    case "connected":
      return lane.name === "khala" ? "Connected" : `Polling every ${POLL_MS / 1000} s`;
    case "connecting":
      return "Connecting…";
    case "disconnected":
      return "Disconnected";
    case "needs-auth":
      return "Signed out";
    case "error":
      return "Given up";
  }
}

function Retry({ status: { retryAt, attempt, error } }: { readonly status: KhalaStatus }) {
  const now = useNow(500);
  const wait = retryAt === null ? null : Math.max(0, Math.ceil((retryAt - now) / 1000));
  return (
    <span className="quiet" title={error?.message}>
      {wait !== null && `next try in ${wait} s`}
      {attempt > 1 && `, ${attempt} failed`}
      {wait === null && error?.message}
    </span>
  );
}

const PHASES: Readonly<Record<TopicStatus["phase"], string>> = {
  idle: "Waiting",
  recovering: "Reading a snapshot",
  subscribing: "Subscribing",
  "catching-up": "Catching up",
  live: "Live",
  waiting: "Waiting",
  error: "Stopped",
};

export interface TopicStateProps {
  readonly id: string;
  readonly label: string;
  readonly topic: Pick<LaneTopic, "onStatus" | "getStatus">;
}

function TopicState({ id, label, topic }: TopicStateProps) {
  const { phase, watermark, head, error } = useFrames(topic.onStatus, topic.getStatus);
  // The server sends the head only while the topic is followed: an older one is outdated.
  const isFollowed = phase === "live" || phase === "catching-up";
  const lag = isFollowed && watermark !== null && head !== null ? head - watermark : null;
  return (
    <dl className="topic" data-testid={`topic-${id}`} data-phase={phase}>
      <div>
        <dt>{label}</dt>
        <dd className={`phase ${phase}`} title={error?.message}>
          {PHASES[phase]}
        </dd>
      </div>
      <div>
        <dt>Watermark</dt>
        <dd data-testid={`watermark-${id}`}>{watermark === null ? "–" : String(watermark)}</dd>
      </div>
      <div>
        <dt>Lag</dt>
        <dd data-testid={`lag-${id}`} className={lag !== null && lag > 0n ? "behind" : ""}>
          {lag === null ? "–" : lag > 0n ? String(lag) : "0"}
        </dd>
      </div>
    </dl>
  );
}
