import { useCallback, useEffect, useRef, useState } from "react";
import { AdminError, readAdmin } from "../admin";
import { goMore } from "../place";
import type { ViewProps } from "../views";
import { DocumentTable } from "./DocumentTable";
import { type DocumentPage, type DocumentRow, rowOf } from "./rows";
import { Scope } from "./Scope";
import { TopicFacts, useTopic } from "./TopicFacts";

const AT_ONCE = 500;
/** What is read by scrolling alone; more is read when somebody asks for it. */
const MOST_BY_ITSELF = 10_000;

/** Documents of one topic, of every organisation, read page by page. */
export function Everybody({ place, organisation }: ViewProps) {
  const name = place.section;
  const hasTombstones = place.more["tombstones"] === "true";
  const prefix = place.more["prefix"] ?? "";
  const about = useTopic(name);
  const { rows, isReading, isComplete, error, readMore } = usePages(name, prefix);
  const shown = hasTombstones ? rows : rows.filter(({ isDeleted }) => !isDeleted);
  const isFiltered = place.filter.search !== "" || place.filter.statuses.size > 0;
  return (
    <>
      <TopicFacts topic={about} />
      {error !== null && (
        <p className="notice bad" role="alert">
          <span>
            <strong>The documents cannot be read{rows.length > 0 && " further"}.</strong>{" "}
            {error.message}.
          </span>
          <button type="button" className="button small" onClick={readMore}>
            Try again
          </button>
        </p>
      )}
      <DocumentTable
        label={`Documents of ${name}, of all organisations`}
        place={place}
        rows={shown}
        hasOwners={true}
        onNearEnd={
          isComplete || isFiltered || rows.length >= MOST_BY_ITSELF || error ? undefined : readMore
        }
        tools={
          <>
            <Prefix value={prefix} />
            <label className="check">
              <input
                type="checkbox"
                checked={hasTombstones}
                onChange={({ target }) => goMore({ tombstones: target.checked ? "true" : null })}
              />
              Tombstones
            </label>
            <Scope organisation={organisation} place={place} />
            <Progress {...{ rows, isReading, isComplete, readMore }} />
          </>
        }
        nothing={
          <p className="nothing">
            {isReading
              ? "Reading…"
              : prefix !== ""
                ? `No key begins with “${prefix}”.`
                : "No organisation has documents in this topic."}
          </p>
        }
      />
    </>
  );
}

interface Pages {
  readonly rows: readonly DocumentRow[];
  readonly isReading: boolean;
  readonly isComplete: boolean;
  readonly error: AdminError | null;
  readonly readMore: () => void;
}

interface ReadState {
  readonly rows: readonly DocumentRow[];
  /** Null: these are all. Undefined: nothing has been read. */
  readonly next: string | null | undefined;
  readonly isReading: boolean;
  readonly error: AdminError | null;
}

const NOTHING: ReadState = { rows: [], next: undefined, isReading: true, error: null };

/** Pages of a topic's documents in the order of their keys, as many as were asked for. */
function usePages(topic: string, prefix: string): Pages {
  const [state, setState] = useState(NOTHING);
  const reading = useRef<{
    abort: AbortController;
    isOn: boolean;
    next: string | null | undefined;
  }>(null);
  const read = useCallback(async () => {
    const own = reading.current;
    if (own === null || own.isOn || own.next === null) {
      return;
    }
    own.isOn = true;
    setState((before) => ({ ...before, isReading: true, error: null }));
    try {
      let documents: DocumentPage["documents"] = [];
      // A page may be empty although there are more.
      while (documents.length === 0 && own.next !== null) {
        const given = new URLSearchParams({ topic, prefix, limit: String(AT_ONCE) });
        if (own.next !== undefined) {
          given.set("after", own.next);
        }
        const path = `/api/admin/documents?${given}`;
        ({ documents, next: own.next } = await readAdmin<DocumentPage>(path, own.abort.signal));
      }
      setState((before) => ({
        rows: [...before.rows, ...documents.map(rowOf)],
        next: own.next,
        isReading: false,
        error: null,
      }));
    } catch (error) {
      if (!own.abort.signal.aborted && error instanceof AdminError) {
        setState((before) => ({ ...before, isReading: false, error }));
      }
    } finally {
      own.isOn = false;
    }
  }, [topic, prefix]);
  useEffect(() => {
    const own = { abort: new AbortController(), isOn: false, next: undefined };
    reading.current = own;
    setState(NOTHING);
    void read();
    return () => own.abort.abort();
  }, [read]);
  const readMore = useCallback(() => void read(), [read]);
  return { ...state, isComplete: state.next === null, readMore };
}

function Prefix({ value }: { readonly value: string }) {
  const [typed, setTyped] = useState(value);
  return (
    <form
      className="prefix"
      onSubmit={(event) => {
        event.preventDefault();
        goMore({ prefix: typed || null });
      }}
    >
      <input
        className="search"
        placeholder="Keys that begin with…"
        aria-label="Keys that begin with"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={() => goMore({ prefix: typed || null })}
      />
    </form>
  );
}

type ProgressProps = Pick<Pages, "rows" | "isReading" | "isComplete" | "readMore">;

/** How far the topic has been read. */
function Progress({ rows, isReading, isComplete, readMore }: ProgressProps) {
  if (isComplete) {
    return null;
  }
  return (
    <button
      type="button"
      className="button"
      disabled={isReading}
      onClick={readMore}
      title={`${rows.length} have been read, in the order of their keys`}
    >
      {isReading ? "Reading…" : "Read more"}
    </button>
  );
}
