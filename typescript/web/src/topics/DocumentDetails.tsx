import type { Json } from "khala-client";
import type { ReactNode } from "react";
import { Ago } from "../components/Ago";
import { DetailsPanel, Facts } from "../components/Browser";
import { CopyButton } from "../components/CopyButton";
import { goMore, type Place } from "../place";
import { bytes } from "../quantities";
import { History } from "./History";
import { JsonTree } from "./JsonTree";
import type { DocumentRow } from "./rows";
import { useVersions, type Version } from "./versions";

interface DocumentDetailsProps {
  readonly topic: string;
  readonly docKey: string;
  /** Undefined: the table has no document of this key. */
  readonly row: DocumentRow | undefined;
  readonly place: Place;
  readonly onFilter: (path: string, value: Json) => void;
  readonly onClose: () => void;
}

/** One document: its payload, and its versions in the journal. */
export function DocumentDetails(props: DocumentDetailsProps) {
  const { topic, docKey, row, place, onFilter, onClose } = props;
  const history = useVersions(topic, docKey, row?.version ?? null);
  const [newest] = history.versions ?? [];
  const isHistory = place.more["tab"] === "history" || place.more["version"] !== undefined;
  const payload = row?.payload ?? newest?.payload ?? null;
  const isDeleted = row?.isDeleted ?? newest?.deleted ?? false;
  return (
    <DetailsPanel name={docKey} className="document" onClose={onClose}>
      <Facts facts={factsOf(row, newest)} />
      <div className="panel-bar">
        <div className="tabs" role="tablist" aria-label="Parts of the document">
          <Tab isChosen={!isHistory} onChoose={() => goMore({ tab: null, version: null })}>
            Payload
          </Tab>
          <Tab isChosen={isHistory} onChoose={() => goMore({ tab: "history" })}>
            History{" "}
            <span className="count">
              {history.versions?.length}
              {history.readOlder === null ? "" : "+"}
            </span>
          </Tab>
        </div>
        <span className="choices panel-copy">
          <CopyButton name="Copy the key" label="Copy key" text={docKey} />
          <CopyButton name="Copy a link to this" label="Copy link" text={() => location.href} />
        </span>
      </div>
      <div className="panel-part" role="tabpanel" aria-label={isHistory ? "History" : "Payload"}>
        {isHistory ? (
          <History topic={topic} docKey={docKey} place={place} history={history} />
        ) : payload !== null && !isDeleted ? (
          <JsonTree label="Payload" value={payload} onFilter={onFilter} />
        ) : (
          <p className={isDeleted ? "notice warning" : "nothing"}>
            {isDeleted
              ? "It has been deleted. Its history shows what it was."
              : newest === undefined && history.versions !== null
                ? "There is no such document, or none that you may see."
                : "Reading…"}
          </p>
        )}
      </div>
    </DetailsPanel>
  );
}

interface TabProps {
  readonly isChosen: boolean;
  readonly onChoose: () => void;
  readonly children: ReactNode;
}

function Tab({ isChosen, onChoose, children }: TabProps) {
  return (
    <button
      type="button"
      role="tab"
      aria-selected={isChosen}
      aria-current={isChosen ? "page" : undefined}
      onClick={onChoose}
    >
      {children}
    </button>
  );
}

function factsOf(
  row: DocumentRow | undefined,
  newest: Version | undefined,
): readonly (readonly [string, ReactNode])[] {
  const isNewest = row === undefined || String(newest?.doc_version) === String(row.version);
  const at = row?.updatedAt ?? (isNewest && newest ? Date.parse(newest.inserted_at) : null);
  const owner = row?.organisation ?? (newest && (newest.org_id ?? ""));
  return [
    ["Version", String(row?.version ?? newest?.doc_version ?? "")],
    ["Watermark", String(row?.watermark ?? newest?.watermark ?? "")],
    ["Organisation", owner === undefined ? "" : owner || "public"],
    ["Updated", at === null ? "" : <Ago key="at" at={at} />],
    ["Size", isNewest && newest?.payload_bytes ? bytes(newest.payload_bytes) : ""],
  ];
}
