import { useEffect, useMemo, useRef } from "react";
import { useFrames } from "../frames";
import type { Lane } from "../lanes/lane";
import { countStatuses, type View } from "../rows";
import { KINDS, type Kind, NAMES, type SummaryDocument } from "../summary";

interface ToolbarProps {
  readonly kind: Kind;
  readonly onKind: (kind: Kind) => void;
  readonly lane: Lane;
  readonly documents: readonly SummaryDocument[];
  readonly view: View;
  readonly onView: (view: View) => void;
}

export function Toolbar({ kind, onKind, lane, documents, view, onView }: ToolbarProps) {
  const statuses = useMemo(
    () => countStatuses(documents, view.statuses),
    [documents, view.statuses],
  );
  const toggle = (status: string) => {
    const next = new Set(view.statuses);
    if (!next.delete(status)) {
      next.add(status);
    }
    onView({ ...view, statuses: next });
  };
  return (
    <div className="toolbar">
      <nav className="tabs" aria-label="Tables">
        {KINDS.map((each) => (
          <button
            key={each}
            type="button"
            aria-current={each === kind ? "page" : undefined}
            onClick={() => onKind(each)}
          >
            {NAMES[each]} <Count kind={each} lane={lane} />
          </button>
        ))}
      </nav>
      <Search value={view.search} onChange={(search) => onView({ ...view, search })} />
      <fieldset className="chips">
        <legend className="unseen">Only with status</legend>
        {statuses.map(([status, count]) => (
          <button
            key={status}
            type="button"
            className={`chip ${status}`}
            aria-pressed={view.statuses.has(status)}
            onClick={() => toggle(status)}
          >
            {status} <span className="count">{count}</span>
          </button>
        ))}
      </fieldset>
    </div>
  );
}

function Count({ kind, lane }: { readonly kind: Kind; readonly lane: Lane }) {
  const topic = lane.topics[kind];
  return (
    <span className="count">{useFrames(topic.subscribe, () => topic.getSnapshot().length)}</span>
  );
}

interface SearchProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Search({ value, onChange }: SearchProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        input.current?.focus();
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  return (
    <input
      ref={input}
      type="search"
      className="search"
      placeholder="Search  /"
      aria-label="Search"
      aria-keyshortcuts="/"
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
