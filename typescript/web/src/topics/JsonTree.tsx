import type { Json } from "khala-client";
import { type KeyboardEvent, useDeferredValue, useId, useMemo, useRef, useState } from "react";
import { CopyButton } from "../components/CopyButton";
import { useWindow } from "../hooks";
import { type Folds, find, type Line, linesOf, unfolded } from "./tree";

const LINE_HEIGHT = 24;
const LONGEST_MARK = 200;

interface JsonTreeProps {
  /** The name for screen readers. */
  readonly label: string;
  readonly value: Json;
  /** Makes a filter of a scalar; undefined where there is no table to filter. */
  readonly onFilter: ((path: string, value: Json) => void) | undefined;
}

/** A JSON value as a tree that folds. Only the lines in view are in the page. */
export function JsonTree({ label, value, onFilter }: JsonTreeProps) {
  const [folds, setFolds] = useState<Folds>(new Map());
  const [active, setActive] = useState("");
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim());
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const lines = useMemo(() => linesOf(value, folds), [value, folds]);
  const found = useMemo(() => (wanted === "" ? [] : find(value, wanted)), [value, wanted]);
  const marked = useMemo(() => new Set(found.map((each) => each.id)), [found]);
  const { first, end } = useWindow(scroller, lines.length, LINE_HEIGHT);
  const at = lines.findIndex((line) => line.id === active);
  const line = lines[at];

  const goTo = (index: number, among = lines) => {
    const next = among[Math.max(0, Math.min(among.length - 1, index))];
    const element = scroller.current;
    if (next === undefined || element === null) {
      return;
    }
    setActive(next.id);
    const top = among.indexOf(next) * LINE_HEIGHT;
    if (top < element.scrollTop) {
      element.scrollTop = top;
    } else if (top + LINE_HEIGHT > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + LINE_HEIGHT - element.clientHeight;
    }
  };
  const fold = ({ id: path, isOpen }: Line, open = !isOpen) => {
    if (isOpen !== null) {
      setFolds(new Map(folds).set(path, open));
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const rows = Math.floor((scroller.current?.clientHeight ?? 0) / LINE_HEIGHT) - 1;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + rows,
      PageUp: at - rows,
      Home: 0,
      End: lines.length - 1,
    };
    const move = moves[event.key];
    if (move !== undefined) {
      goTo(move);
    } else if (line === undefined) {
      return;
    } else if (event.key === "ArrowRight") {
      if (line.isOpen === false) {
        fold(line, true);
      } else if (line.isOpen) {
        goTo(at + 1);
      }
    } else if (event.key === "ArrowLeft") {
      if (line.isOpen) {
        fold(line, false);
      } else {
        goTo(lines.findIndex((each) => each.id === line.parent));
      }
    } else if (event.key === "Enter" || event.key === " ") {
      fold(line);
    } else {
      return;
    }
    event.preventDefault();
  };
  /** Shows the match after the active line, or the one before it. */
  const showMatch = (step: 1 | -1) => {
    const typed = search.trim();
    // Somebody may press Enter before what was typed has been looked for.
    const matches = typed === wanted ? found : find(value, typed);
    const now = matches.findIndex((each) => each.id === active);
    const next = matches[(now + step + matches.length) % matches.length];
    if (next !== undefined) {
      const open = unfolded(folds, next, value);
      const shown = linesOf(value, open);
      setFolds(open);
      // The lines that it stands among are drawn with the next frame.
      requestAnimationFrame(() =>
        goTo(
          shown.findIndex((each) => each.id === next.id),
          shown,
        ),
      );
    }
  };
  const isScalar = line !== undefined && line.isOpen === null && line.kind !== "piece";
  return (
    <div className="json">
      <div className="json-tools">
        <input
          type="search"
          className="search"
          placeholder="Find in it"
          aria-label={`Find in ${label}`}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              showMatch(event.shiftKey ? -1 : 1);
            } else if (event.key === "Escape" && search !== "") {
              event.stopPropagation();
              setSearch("");
            }
          }}
        />
        {wanted !== "" && (
          <span className="quiet" role="status">
            {found.length === 0
              ? "not in it"
              : `${found.findIndex((each) => each.id === active) + 1 || "–"} of ${found.length}`}
          </span>
        )}
        <span className="choices json-copy">
          <CopyButton
            name={line ? `Copy the value of ${line.path || "everything"}` : "Copy everything"}
            label="Copy value"
            text={() => copied(line?.value ?? value)}
          />
          {line && line.path !== "" && (
            <CopyButton name={`Copy the path ${line.path}`} label="Copy path" text={line.path} />
          )}
          {isScalar && onFilter && (
            <button
              type="button"
              className="button small"
              onClick={() => onFilter(line.path, line.value)}
            >
              Filter by it
            </button>
          )}
        </span>
      </div>
      <div
        ref={scroller}
        className="tree"
        role="tree"
        aria-label={label}
        aria-activedescendant={at >= first && at < end ? `${id}-${at}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        data-testid="tree"
      >
        <div className="tree-lines" style={{ height: lines.length * LINE_HEIGHT }}>
          {lines.slice(first, end).map((each, offset) => (
            <TreeLine
              key={each.id}
              id={`${id}-${first + offset}`}
              line={each}
              top={(first + offset) * LINE_HEIGHT}
              isActive={each.id === active}
              isMarked={marked.has(each.id)}
              onChoose={() => {
                setActive(each.id);
                if (each.isOpen !== null) {
                  fold(each);
                }
              }}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface TreeLineProps {
  readonly id: string;
  readonly line: Line;
  readonly top: number;
  readonly isActive: boolean;
  readonly isMarked: boolean;
  readonly onChoose: () => void;
}

function TreeLine({ id, line, top, isActive, isMarked, onChoose }: TreeLineProps) {
  const { depth, name, kind, text, isOpen } = line;
  return (
    // biome-ignore lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the tree has the focus and the keys
    <div
      id={id}
      role="treeitem"
      aria-level={depth + 1}
      aria-expanded={isOpen ?? undefined}
      aria-selected={isActive}
      className={`tree-line${isActive ? " active" : ""}${isMarked ? " marked" : ""}`}
      style={{ transform: `translateY(${top}px)`, paddingLeft: 8 + depth * 16 }}
      title={text.length > LONGEST_MARK ? undefined : text}
      onClick={onChoose}
      data-path={line.path}
    >
      <span className="fold" aria-hidden="true">
        {isOpen === null ? "" : isOpen ? "▾" : "▸"}
      </span>
      {name !== null && <span className="member">{name}:</span>}
      <span className={`value ${kind}`}>{text}</span>
    </div>
  );
}

/** A string as it is, everything else as JSON. */
function copied(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
