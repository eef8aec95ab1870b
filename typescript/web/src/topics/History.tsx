import { useId, useMemo } from "react";
import { Ago } from "../components/Ago";
import { addressOf, goMore, type Place } from "../place";
import { Difference } from "./Difference";
import { COUNTERS, differences } from "./difference";
import { JsonTree } from "./JsonTree";
import { useVersion, type Version, type Versions } from "./versions";

/** Changed fields that a line of the list names. */
const MOST_NAMED = 4;

interface HistoryProps {
  readonly topic: string;
  readonly docKey: string;
  readonly place: Place;
  readonly history: Versions;
}

/** The versions of a document in the journal, and the difference between any two. */
export function History({ topic, docKey, place, history }: HistoryProps) {
  const { versions, floor, readOlder, isReading, error } = history;
  const chosen = place.more["version"] ?? null;
  const single = useVersion(topic, docKey, chosen, versions);
  const all = useMemo(() => {
    const more = single.data?.versions ?? [];
    const listed = versions ?? [];
    const isNew = (each: Version) => !listed.some((other) => other.watermark === each.watermark);
    return [...listed, ...more.filter(isNew)];
  }, [versions, single.data]);
  if (versions === null) {
    return error === null ? (
      <p className="nothing">Reading…</p>
    ) : (
      <p className="notice bad" role="alert">
        <span>
          <strong>The history cannot be read.</strong> {error.message}
        </span>
      </p>
    );
  }
  const noise = noiseOf(versions);
  const version = all.find(({ watermark }) => String(watermark) === chosen);
  return (
    <div className="document-history">
      <ol className="versions" aria-label="Versions, the newest first" data-testid="versions">
        {versions.map((each, index) => (
          <VersionItem
            key={String(each.watermark)}
            place={place}
            version={each}
            before={versions[index + 1]}
            noise={noise}
            isChosen={each === version}
          />
        ))}
        <li className="versions-end">
          {readOlder !== null || isReading ? (
            <button
              type="button"
              className="button small"
              disabled={readOlder === null}
              onClick={readOlder ?? undefined}
            >
              {isReading ? "Reading…" : "Look further back"}
            </button>
          ) : (
            <End versions={versions} floor={floor} />
          )}
          {error !== null && <span className="quiet"> {error.message}</span>}
        </li>
      </ol>
      {chosen !== null && version === undefined && single.data !== null && (
        <p className="notice warning">
          <span>
            <strong>There is no version at watermark {chosen}</strong> of this document in the
            journal. It begins at watermark {String(floor)}; what is older has been purged.
          </span>
        </p>
      )}
      {version !== undefined && <Compared key={chosen} version={version} all={all} place={place} />}
    </div>
  );
}

interface VersionItemProps {
  readonly place: Place;
  readonly version: Version;
  readonly before: Version | undefined;
  readonly noise: ReadonlyMap<string, number>;
  readonly isChosen: boolean;
}

function VersionItem({ place, version, before, noise, isChosen }: VersionItemProps) {
  const { watermark, doc_version: number, deleted, inserted_at: at } = version;
  const about = summaryOf(version, before, noise);
  const owner = version.org_id ?? "public";
  const hasMoved = before !== undefined && before.org_id !== version.org_id;
  const more = { ...place.more, version: String(watermark) };
  delete (more as Record<string, string>)["compare"];
  return (
    <li data-version={String(number)} data-watermark={String(watermark)}>
      <a
        className={isChosen ? "version-link chosen" : "version-link"}
        aria-current={isChosen ? "true" : undefined}
        href={addressOf(place.view, place.section, { ...place, more })}
      >
        <span className="version-number">v{String(number)}</span>
        <Ago at={Date.parse(at)} />
        <span className={hasMoved ? "pill waiting" : "owner"}>{owner}</span>
        {deleted && <span className="pill failed">deleted</span>}
        <span className="changes">{about}</span>
      </a>
    </li>
  );
}

const changed = new WeakMap<Version, readonly string[]>();

/** The fields in which a version differs from the one before it. */
function changedFields(version: Version, before: Version): readonly string[] {
  let found = changed.get(version);
  if (found === undefined) {
    const changes = differences(before.payload ?? undefined, version.payload ?? undefined);
    found = changes.map(({ path }) => path);
    changed.set(version, found);
  }
  return found;
}

/** How many of the versions changed each field: one that all of them change tells little. */
function noiseOf(versions: readonly Version[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  versions.forEach((version, index) => {
    const before = versions[index + 1];
    if (before?.payload && version.payload) {
      for (const path of changedFields(version, before)) {
        counts.set(path, (counts.get(path) ?? 0) + 1);
      }
    }
  });
  return counts;
}

/** What a version changed, in a few words; what seldom changes comes first. */
function summaryOf(
  version: Version,
  before: Version | undefined,
  noise: ReadonlyMap<string, number>,
): string {
  if (version.deleted) {
    return "tombstone";
  }
  if (version.payload === null) {
    return "payload not in the journal";
  }
  if (before === undefined) {
    return Number(version.doc_version) === 1 ? "created" : "";
  }
  if (before.deleted) {
    return "created again";
  }
  if (before.payload === null) {
    return "";
  }
  const loud = (path: string) => (noise.get(path) ?? 0) + (COUNTERS.test(path) ? 0.5 : 0);
  const paths = [...changedFields(version, before)].sort((a, b) => loud(a) - loud(b));
  const more = paths.length - MOST_NAMED;
  return paths.length === 0
    ? "no field changed"
    : paths.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** What the end of the list means. */
function End({ versions, floor }: Pick<Versions, "versions" | "floor">) {
  const oldest = versions?.at(-1);
  if (oldest === undefined) {
    return (
      <span>
        No version of this document is in the journal, which begins at watermark {String(floor)}.
      </span>
    );
  }
  const first = Number(oldest.doc_version);
  if (first <= 1) {
    return <span>This is all of its history.</span>;
  }
  return (
    <span data-testid="purged">
      Anything before version {first} has been purged, or was never here: the journal begins at
      watermark {String(floor)}.
    </span>
  );
}

interface ComparedProps {
  readonly version: Version;
  readonly all: readonly Version[];
  readonly place: Place;
}

/** A version, and its difference from another one. */
function Compared({ version, all, place }: ComparedProps) {
  const select = useId();
  const index = all.indexOf(version);
  const wanted = place.more["compare"];
  const other =
    all.find(({ watermark }) => String(watermark) === wanted && wanted !== undefined) ??
    all[index + 1];
  const isWhole = place.more["show"] === "whole" || other === undefined;
  const [before, after] =
    other !== undefined && BigInt(other.watermark) > BigInt(version.watermark)
      ? [version, other]
      : [other, version];
  return (
    <section className="compared" aria-label={`Version ${version.doc_version}`}>
      <div className="compared-head">
        <h3>Version {String(version.doc_version)}</h3>
        {other !== undefined && (
          <>
            <label htmlFor={select}>compared with</label>
            <select
              id={select}
              value={String(other.watermark)}
              onChange={(event) => goMore({ compare: event.target.value })}
            >
              {all
                .filter((each) => each !== version)
                .map((each) => (
                  <option key={String(each.watermark)} value={String(each.watermark)}>
                    version {String(each.doc_version)}
                    {each.deleted ? " (deleted)" : ""}, watermark {String(each.watermark)}
                  </option>
                ))}
            </select>
            <button
              type="button"
              className="button small"
              aria-pressed={isWhole}
              onClick={() => goMore({ show: isWhole ? null : "whole" })}
            >
              Whole payload
            </button>
          </>
        )}
      </div>
      <Owners before={before} after={after} />
      {isWhole ? <Whole version={version} /> : <Changes before={before} after={after} />}
    </section>
  );
}

function Owners({ before, after }: { before: Version | undefined; after: Version | undefined }) {
  if (before === undefined || after === undefined || before.org_id === after.org_id) {
    return null;
  }
  return (
    <p className="notice warning">
      <span>
        It moved from <strong>{before.org_id ?? "public"}</strong> to{" "}
        <strong>{after.org_id ?? "public"}</strong>.
      </span>
    </p>
  );
}

function Whole({ version }: { readonly version: Version }) {
  if (version.payload === null) {
    return <p className="quiet">{missing(version)}</p>;
  }
  const label = `Payload of version ${version.doc_version}`;
  return <JsonTree label={label} value={version.payload} onFilter={undefined} />;
}

function Changes({ before, after }: { before: Version | undefined; after: Version | undefined }) {
  for (const each of [before, after]) {
    if (each !== undefined && each.payload === null && !each.deleted) {
      return <p className="quiet">{missing(each)}</p>;
    }
  }
  return <Difference before={before?.payload ?? undefined} after={after?.payload ?? undefined} />;
}

function missing({ deleted, doc_version: number }: Version): string {
  return deleted
    ? `Version ${number} is a tombstone: the document was deleted, and has no payload.`
    : `The payload of version ${number} is not in the journal: the topic's updates are pointers.`;
}
