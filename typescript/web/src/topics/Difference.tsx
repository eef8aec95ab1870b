import type { Json } from "khala-client";
import { useMemo, useState } from "react";
import { type Change, COUNTERS, differences } from "./difference";

/** Changes that are shown before somebody asks for all. */
const FIRST_CHANGES = 100;
const LONGEST = 4_000;
/** Strings that have fewer characters in common are different as a whole. */
const LEAST_COMMON = 3;
const TONES = { added: "good", removed: "bad", changed: "running" } as const;
const UNMARKED = [Number.POSITIVE_INFINITY, 0] as const;

interface DifferenceProps {
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** What differs between two payloads, field by field. */
export function Difference({ before, after }: DifferenceProps) {
  const changes = useMemo(() => {
    const isIdle = ({ path }: Change) => Number(COUNTERS.test(path));
    return [...differences(before, after)].sort((a, b) => isIdle(a) - isIdle(b));
  }, [before, after]);
  const [isWhole, setWhole] = useState(false);
  if (changes.length === 0) {
    return <p className="quiet">The payloads are the same.</p>;
  }
  const shown = isWhole ? changes : changes.slice(0, FIRST_CHANGES);
  return (
    <>
      <ol className="difference" aria-label="Changed fields" data-testid="difference">
        {shown.map((change) => (
          <ChangeItem key={change.path} change={change} />
        ))}
      </ol>
      {shown.length < changes.length && (
        <button type="button" className="button small" onClick={() => setWhole(true)}>
          Show all {changes.length} changes
        </button>
      )}
    </>
  );
}

function ChangeItem({ change: { path, before, after } }: { readonly change: Change }) {
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  const [start, finish] =
    typeof before === "string" && typeof after === "string" ? commonEnds(before, after) : UNMARKED;
  return (
    <li data-kind={kind} data-path={path}>
      <p className="change-head">
        <code>{path || "the whole payload"}</code>
        <span className={`pill ${TONES[kind]}`}>{kind}</span>
      </p>
      {before !== undefined && (
        <Side sign="−" name="before" value={before} start={start} finish={finish} />
      )}
      {after !== undefined && (
        <Side sign="+" name="after" value={after} start={start} finish={finish} />
      )}
    </li>
  );
}

interface SideProps {
  readonly sign: string;
  readonly name: "before" | "after";
  readonly value: Json;
  /** The number of characters at both ends that both strings have. */
  readonly start: number;
  readonly finish: number;
}

function Side({ sign, name, value, start, finish }: SideProps) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const end = text.length - finish;
  const isCut = text.length > LONGEST;
  return (
    <pre className={`side ${name}`}>
      <span aria-hidden="true">{sign} </span>
      <span className="unseen">{name}: </span>
      {isCut ? (
        `${text.slice(0, LONGEST)}… ${text.length} characters`
      ) : (
        <>
          {text.slice(0, start)}
          {start < end && <mark>{text.slice(start, end)}</mark>}
          {text.slice(Math.max(start, end))}
        </>
      )}
    </pre>
  );
}

/** How much two strings begin and end with alike; with little in common, nothing is marked. */
function commonEnds(before: string, after: string): readonly [number, number] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) {
    start++;
  }
  let finish = 0;
  while (finish < shorter - start && before.at(-1 - finish) === after.at(-1 - finish)) {
    finish++;
  }
  return start + finish >= LEAST_COMMON ? [start, finish] : UNMARKED;
}
