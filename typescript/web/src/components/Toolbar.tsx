import { type ReactNode, useRef } from "react";
import { useTally } from "../hooks";
import { useCharacters } from "../keys/keys";
import type { Reading, View } from "../rows";

interface FilterProps<R> {
  readonly rows: readonly R[];
  /** The number of rows that match. */
  readonly shown: number;
  readonly reading: Reading<R>;
  readonly view: View;
  readonly onView: (view: View) => void;
  readonly children?: ReactNode;
}

const number = new Intl.NumberFormat();
/** With more statuses than this there is a chip for the chosen ones only. */
const MOST_CHIPS = 12;

/** Search, and a chip for each status. */
export function Filter<R>({ rows, shown, reading, view, onView, children }: FilterProps<R>) {
  const statuses = useTally(rows, view.statuses, reading).filter(([name]) => name !== "");
  const chips =
    statuses.length <= MOST_CHIPS ? statuses : statuses.filter(([name]) => view.statuses.has(name));
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
        {chips.map(([name, count]) => (
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
      {children}
      <span className="total quiet" data-testid="total">
        {shown < rows.length && `${number.format(shown)} of `}
        {number.format(rows.length)}
      </span>
    </div>
  );
}

interface SearchProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Search({ value, onChange }: SearchProps) {
  const input = useRef<HTMLInputElement>(null);
  useCharacters((character) => {
    if (character === "/") {
      input.current?.focus();
    }
    return character === "/";
  });
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
