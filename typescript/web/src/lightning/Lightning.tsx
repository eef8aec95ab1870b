import type { JsonObject, KhalaDocument } from "khala-client";
import { useMemo, useState } from "react";
import { useFrames } from "../frames";
import type { Lane } from "../lanes/lane";
import { goTo } from "../place";
import type { Session } from "../session";
import type { LiveViewProps } from "../views";
import { Entries } from "./Entries";
import { deployments, paywalls, settlements } from "./entries";
import "./lightning.css";
import { PauseBanner, SecuritySection } from "./SecurityPanel";
import { readSecurity } from "./security";
import { Switches } from "./switches";
import { allowedSections, LABELS, OPERATE, SECTIONS, type Section, topicOf } from "./topics";
import { sats } from "./words";

/** The view of the Lightning control plane. */
export function Lightning({ place, lane, session, organisation }: LiveViewProps) {
  const [switches] = useState(() => new Switches(organisation));
  const topics = {
    paywalls: useTopic(lane, session, "paywalls"),
    deployments: useTopic(lane, session, "deployments"),
    settlements: useTopic(lane, session, "settlements"),
    security: useTopic(lane, session, "security"),
  };
  const all = {
    paywalls: useMemo(() => paywalls(topics.paywalls.documents), [topics.paywalls.documents]),
    deployments: useMemo(
      () => deployments(topics.deployments.documents),
      [topics.deployments.documents],
    ),
    settlements: useMemo(
      () => settlements(topics.settlements.documents),
      [topics.settlements.documents],
    ),
  };
  const security = useMemo(
    () => readSecurity(topics.security.documents),
    [topics.security.documents],
  );
  const section = SECTIONS.find((each) => each === place.section) ?? "paywalls";
  const controls = { security, switches, mayOperate: session.scopes.includes(OPERATE) };
  const earned = all.settlements
    .filter(({ status }) => status === "settled")
    .reduce((sum, { msats }) => sum + (msats ?? 0n), 0n);
  const at = { place, documents: topics[section].documents };
  const nothing = <Nothing section={section} topic={topics[section]} />;
  return (
    <>
      <PauseBanner {...controls} />
      <nav className="tabs sections" aria-label="Lightning">
        {SECTIONS.map((each) => (
          <button
            key={each}
            type="button"
            aria-current={each === section ? "page" : undefined}
            onClick={() => goTo("lightning", each)}
          >
            {LABELS[each]}{" "}
            {each !== "security" && <span className="count">{all[each].length}</span>}
          </button>
        ))}
        {earned > 0n && <span className="quiet earned">{sats(earned)} settled</span>}
      </nav>
      {section === "paywalls" && (
        <Entries
          key={section}
          label={LABELS[section]}
          heads={{ name: "Paywall", about: "Routes", amount: "Price" }}
          entries={all.paywalls}
          nothing={nothing}
          {...at}
        />
      )}
      {section === "deployments" && (
        <Entries
          key={section}
          label={LABELS[section]}
          heads={{ name: "Deployment", about: "For" }}
          entries={all.deployments}
          nothing={nothing}
          {...at}
        />
      )}
      {section === "settlements" && (
        <Entries
          key={section}
          label={LABELS[section]}
          heads={{ name: "Settlement", about: "Paywall and invoice", amount: "Amount" }}
          entries={all.settlements}
          nothing={nothing}
          {...at}
        />
      )}
      {section === "security" && <SecuritySection {...controls} />}
    </>
  );
}

interface Followed {
  readonly name: string;
  readonly isAllowed: boolean;
  readonly isRead: boolean;
  readonly documents: readonly KhalaDocument<JsonObject>[];
}

const NONE: readonly KhalaDocument[] = [];
const subscribeNothing = () => () => undefined;

function useTopic(lane: Lane, session: Session, section: Section): Followed {
  const name = topicOf(section);
  const topic = lane.topic(name);
  const isAllowed = allowedSections(session).includes(section);
  const documents = useFrames(isAllowed ? topic.subscribe : subscribeNothing, () =>
    isAllowed ? topic.getSnapshot() : NONE,
  );
  const { watermark } = useFrames(topic.onStatus, topic.getStatus);
  return { name, isAllowed, isRead: watermark !== null, documents };
}

const COMMANDS: Readonly<Record<Section, string>> = {
  paywalls: `curl -H 'Authorization: Bearer khala_…' -d @paywall.json ${location.origin}/api/lightning/paywalls`,
  deployments: "khala lightning reconcile",
  settlements: "khala lightning settlements ingest settled.jsonl",
  security: "",
};
const EMPTY: Readonly<Record<Section, string>> = {
  paywalls: "No paywalls yet. Create one:",
  deployments: "Nothing has been deployed yet. Compile and deploy:",
  settlements: "No invoices and no settlements yet. Ingest them:",
  security: "",
};

function Nothing({ section, topic }: { readonly section: Section; readonly topic: Followed }) {
  if (!topic.isAllowed) {
    return (
      <p className="nothing">
        Your token is not for {topic.name}. Get one that is:{" "}
        <code>khala token --org … --topic {topic.name}</code>
      </p>
    );
  }
  if (!topic.isRead) {
    return <p className="nothing">Reading…</p>;
  }
  return (
    <p className="nothing">
      {EMPTY[section]} <code>{COMMANDS[section]}</code>
    </p>
  );
}
