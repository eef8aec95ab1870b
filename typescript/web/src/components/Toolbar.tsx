import { useEffect, useMemo, useRef } from "react";
import { useFrames } from "../frames";
import type { Lane } from "../lanes/lane";
import { goTo, type ViewName } from "../place";
import { countStatuses, type View } from "../rows";
import { KINDS, type Kind, NAMES } from "../summary";

interface ViewsProps {
  readonly view: ViewName;
  readonly lane: Lane;
}

/** The views of the page. */
export function Views({ view, lane }: ViewsProps) {
  return (
    <nav className="tabs" aria-label="Views">
      {KINDS.map((each) => (
        <Tab key={each} name={each} isCurrent={each === view}>
          {NAMES[each]} <Count kind={each} lane={lane} />
        </Tab>
      ))}
      <Tab name="lightning" isCurrent={view === "lightning"}>
        Lightning
      </Tab>
    </nav>
  );
}

interface TabProps {
  readonly name: ViewName;
  readonly isCurrent: boolean;
  readonly children: React.ReactNode;
}

function Tab({ name, isCurrent, children }: TabProps) {
  return (
    <button type="button" aria-current={isCurrent ? "page" : undefined} onClick={() => goTo(name)}>
      {children}
    </button>
  );
}

function Count({ kind, lane }: { readonly kind: Kind; readonly lane: Lane }) {
  const topic = lane.topics[kind];
  return (
    <span className="count">{useFrames(topic.subscribe, () => topic.getSnapshot().length)}</span>
  );
}

interface FilterProps<R> {
  readonly rows: readonly R[];
  readonly status: (row: R) => string;
  readonly view: View;
  readonly onView: (view: View) => void;
}

/** Search, and a chip for each status. */
export function Filter<R>({ rows, status, view, onView }: FilterProps<R>) {
  const statuses = useMemo(
    () => countStatuses(rows, view.statuses, status),
    [rows, view.statuses, status],
  );
  const toggle = (name: string) => {
    const next = new Set(view.statuses);
    if (!next.delete(name)) {
      next.add(name);
    }
    onView({ ...view, statuses: next });
  };
  return (
    <div className="toolbar filter">
      <Search value={view.search} onChange={(search) => onView({ ...view, search })} />
      <fieldset className="chips">
        <legend className="unseen">Only with status</legend>
        {statuses.map(([name, count]) => (
          <button
            key={name}
            type="button"
            className={`chip ${name}`}
            aria-pressed={view.statuses.has(name)}
            onClick={() => toggle(name)}
          >
            {name} <span className="count">{count}</span>
          </button>
        ))}
      </fieldset>
    </div>
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
      const isTyping =
        event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key === "/" && !isTyping) {
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
