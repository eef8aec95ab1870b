import { useEffect, useMemo, useRef } from "react";
import { useFrames } from "../frames";
import type { LiveViewProps } from "../views";
import { DocumentTable } from "./DocumentTable";
import { useOrigins } from "./origins";
import { liveRow } from "./rows";
import { Scope } from "./Scope";
import { TopicFacts, useTopic } from "./TopicFacts";

/** Documents of one topic as they change, of one organisation. */
export function LiveDocuments({ place, lane, organisation }: LiveViewProps) {
  const name = place.section;
  const topic = lane.topic(name);
  const documents = useFrames(topic.subscribe, topic.getSnapshot);
  const { phase, watermark, error } = useFrames(topic.onStatus, topic.getStatus);
  const about = useTopic(name);
  const isLive = phase === "live";
  const origins = useOrigins(name, organisation, isLive);
  const wasLive = useRef(false);
  useEffect(() => {
    wasLive.current = isLive;
  }, [isLive]);
  const rows = useMemo(() => {
    // What comes while everything is here has just been written.
    const arrivedAt = wasLive.current ? Date.now() : null;
    return documents.map((each) => liveRow(each, origins.get(each.docKey), arrivedAt));
  }, [documents, origins]);
  return (
    <>
      <TopicFacts topic={about} />
      <DocumentTable
        label={`Documents of ${name}`}
        place={place}
        rows={rows}
        hasOwners={about.data?.ownership === "mixed"}
        tools={<Scope organisation={organisation} place={place} />}
        nothing={
          <div className="nothing">
            {phase === "error" ? (
              <p>{error?.message}</p>
            ) : watermark === null ? (
              <p>Reading…</p>
            ) : (
              <Nothing name={name} organisation={organisation} />
            )}
          </div>
        }
      />
    </>
  );
}

function Nothing({ name, organisation }: { readonly name: string; readonly organisation: string }) {
  const sql = `SELECT khala.sink('${name}', 'first', p_payload => '{"hello": "world"}', p_org_id => '${organisation}')`;
  return (
    <>
      <p>
        {organisation} has no documents in this topic. Perhaps another organisation has: choose “All
        organisations”. To write one:
      </p>
      <p>
        <code>{sql}</code>
      </p>
    </>
  );
}
