/** Lines of a JSON tree, of which some members are folded. */

import type { Json } from "khala-client";
import { isObject } from "../summary";
import { joined } from "./difference";

export type LineKind = "object" | "array" | "string" | "number" | "boolean" | "null" | "piece";

export interface Line {
  /** The path of the value, which is unique; of a piece, its string's and its place. */
  readonly id: string;
  readonly path: string;
  readonly value: Json;
  readonly depth: number;
  /** Null: the whole value, or a piece. */
  readonly name: string | number | null;
  readonly kind: LineKind;
  /** The value in one line. */
  readonly text: string;
  /** Null: it has no members. */
  readonly isOpen: boolean | null;
  readonly parent: string | null;
}

/** A string that is longer is folded, and shows as pieces of this length. */
const LONGEST = 120;
/** Members of the root that have no more members than this are open at first. */
const FEW = 30;
const PIECES = new RegExp(`[^\\n]{1,${LONGEST}}|\\n`, "g");

export type Folds = ReadonlyMap<string, boolean>;

/** Whether a value is open that nobody has folded or unfolded. */
function isOpenAtFirst(depth: number, size: number): boolean {
  return depth === 0 || (depth === 1 && size <= FEW);
}

export function linesOf(root: Json, folds: Folds, isAllOpen = false): readonly Line[] {
  const lines: Line[] = [];
  const add = (
    value: Json,
    name: string | number | null,
    path: string,
    depth: number,
    parent: string | null,
  ): void => {
    const members = membersOf(value);
    const isLong = typeof value === "string" && value.length > LONGEST;
    const size = members?.length ?? 0;
    const canFold = (members !== null && size > 0) || isLong;
    const isOpen = !canFold
      ? null
      : isAllOpen || (folds.get(path) ?? (!isLong && isOpenAtFirst(depth, size)));
    const line = { id: path, path, value, depth, name, parent, isOpen };
    lines.push({ ...line, kind: kindOf(value), text: shown(value, size) });
    if (!isOpen) {
      return;
    }
    if (members !== null) {
      for (const [inner, member] of members) {
        add(member, inner, joined(path, inner), depth + 1, path);
      }
    } else if (isLong) {
      const pieces = value.match(PIECES) ?? [];
      pieces.forEach((text, place) => {
        if (text !== "\n") {
          const piece = { ...line, depth: depth + 1, name: null, parent: path, isOpen: null };
          lines.push({ ...piece, id: `${path} ${place}`, kind: "piece", text });
        }
      });
    }
  };
  add(root, null, "", 0, null);
  return lines;
}

/** The paths of the values whose name or text contains the words. */
export function find(root: Json, search: string): readonly Line[] {
  const wanted = search.toLowerCase();
  return linesOf(root, new Map(), true).filter(
    ({ name, kind, text }) =>
      (name !== null && String(name).toLowerCase().includes(wanted)) ||
      (kind !== "object" && kind !== "array" && text.toLowerCase().includes(wanted)),
  );
}

/** The folds with which a line can be seen. */
export function unfolded(folds: Folds, line: Line, root: Json): Folds {
  const next = new Map(folds);
  const parents = new Map(linesOf(root, new Map(), true).map((each) => [each.id, each.parent]));
  for (let at = line.parent; at !== null; at = parents.get(at) ?? null) {
    next.set(at, true);
  }
  return next;
}

function membersOf(value: Json): readonly (readonly [string | number, Json])[] | null {
  if (isObject(value)) {
    return Object.entries(value);
  }
  return Array.isArray(value) ? value.map((each, place) => [place, each] as const) : null;
}

function kindOf(value: Json): LineKind {
  if (value === null) {
    return "null";
  }
  const type = typeof value;
  if (type === "string" || type === "number" || type === "boolean") {
    return type;
  }
  return Array.isArray(value) ? "array" : "object";
}

function shown(value: Json, size: number): string {
  if (typeof value === "string") {
    return value.length > LONGEST
      ? `${JSON.stringify(value.slice(0, LONGEST))} … ${value.length} characters`
      : JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return size === 0 ? "[]" : `[${size}]`;
  }
  return isObject(value) ? (size === 0 ? "{}" : `{${size}}`) : JSON.stringify(value);
}
