/** The search of documents: words, and conditions on fields such as `status:failed lines>100`. */

import type { Json } from "khala-client";
import { valueAt } from "./fields";
import type { DocumentRow } from "./rows";

const OPERATORS = [">=", "<=", "!=", ":", "=", ">", "<"] as const;
type Operator = (typeof OPERATORS)[number];

export interface Condition {
  readonly path: string;
  readonly operator: Operator;
  readonly value: string;
}

export interface Query {
  readonly words: readonly string[];
  readonly conditions: readonly Condition[];
}

/** Columns that are no field of the payload. */
const OWN: Readonly<Record<string, (row: DocumentRow) => Json | undefined>> = {
  key: ({ key }) => key,
  version: ({ version }) => Number(version),
  organisation: ({ organisation }) => organisation ?? "",
  deleted: ({ isDeleted }) => isDeleted,
};

const TOKENS = /(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g;
const CONDITION = /^([A-Za-z_][\w.-]*)(>=|<=|!=|[:=><])(.*)$/s;

/** Reads a search. A token whose field no document has is a word: keys contain colons, too. */
export function parseQuery(search: string, isField: (path: string) => boolean): Query {
  const words: string[] = [];
  const conditions: Condition[] = [];
  for (const token of search.match(TOKENS) ?? []) {
    const [, path = "", operator = "", value = ""] = CONDITION.exec(token) ?? [];
    const known = OPERATORS.find((each) => each === operator);
    if (known !== undefined && (path in OWN || isField(path))) {
      conditions.push({ path, operator: known, value: unquoted(value) });
    } else {
      words.push(unquoted(token).toLowerCase());
    }
  }
  return { words, conditions };
}

/** A condition as the search has it. */
export function formatCondition({ path, operator, value }: Condition): string {
  const isPlain = /^[^\s"]+$/.test(value);
  return path + operator + (isPlain ? value : JSON.stringify(value));
}

/** A function that says whether a row matches; it looks at each row once. */
export function matcherOf({ words, conditions }: Query): (row: DocumentRow) => boolean {
  const known = new WeakMap<DocumentRow, boolean>();
  return (row) => {
    let found = known.get(row);
    if (found === undefined) {
      found = conditions.every((each) => holds(row, each)) && hasWords(row, words);
      known.set(row, found);
    }
    return found;
  };
}

function hasWords({ key, payload }: DocumentRow, words: readonly string[]): boolean {
  if (words.length === 0) {
    return true;
  }
  const text = `${key}\n${JSON.stringify(payload)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function holds(row: DocumentRow, { path, operator, value }: Condition): boolean {
  const found = path in OWN ? OWN[path]?.(row) : valueAt(row.payload, path);
  const text = found === undefined ? "" : typeof found === "string" ? found : JSON.stringify(found);
  switch (operator) {
    case ":":
      return value === "" ? text === "" : text.toLowerCase().includes(value.toLowerCase());
    case "=":
      return text === value;
    case "!=":
      return text !== value;
    default:
      return found !== undefined && compares(compared(found, text, value), operator);
  }
}

/** Below, at or above 0; numbers as numbers, everything else, times too, as strings. */
function compared(found: Json, text: string, value: string): number {
  if (typeof found === "number") {
    return found - Number(value);
  }
  return text < value ? -1 : text > value ? 1 : 0;
}

function compares(order: number, operator: ">" | "<" | ">=" | "<="): boolean {
  switch (operator) {
    case ">":
      return order > 0;
    case "<":
      return order < 0;
    case ">=":
      return order >= 0;
    case "<=":
      return order <= 0;
  }
}

function unquoted(text: string): string {
  return text.replace(/"((?:\\.|[^"\\])*)"?/g, (_, inner: string) => inner.replace(/\\(.)/g, "$1"));
}
