/** Scalar fields of payloads, found in the documents themselves: the columns of a table. */

import type { Json, JsonObject } from "khala-client";
import { isObject } from "../summary";
import type { DocumentRow } from "./rows";

export type FieldType = "string" | "number" | "boolean" | "time";

export interface Field {
  /** Such as `status` or `progress.lines`. */
  readonly path: string;
  readonly type: FieldType;
  /** The share of the documents that have it. */
  readonly share: number;
  /** Whether it tells nothing between them: all have the same value, or their key. */
  readonly isIdle: boolean;
}

/** The documents that are looked at. */
const SAMPLE = 300;
/** Fields deeper than this are in the JSON view only. */
const DEPTH = 2;
const MOST_FIELDS = 60;
const FIRST_COLUMNS = 5;
/** What people look for first. */
const LEADING = ["status", "state", "title", "name", "type", "kind"];
export const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;

interface Seen {
  type: FieldType;
  count: number;
  /** Undefined: more than one. */
  value: Json | undefined;
  /** Whether it is the key of each. */
  isKey: boolean;
}

/** The fields of some documents, the most frequent first. */
export function fieldsOf(rows: readonly DocumentRow[]): readonly Field[] {
  const seen = new Map<string, Seen>();
  const step = Math.max(1, Math.floor(rows.length / SAMPLE));
  let looked = 0;
  for (let index = 0; index < rows.length; index += step) {
    const payload = rows[index]?.payload;
    if (payload) {
      looked++;
      look(payload, rows[index]?.key ?? "", "", 1, seen);
    }
  }
  return [...seen]
    .map(([path, { type, count, value, isKey }]) => ({
      path,
      type,
      share: count / Math.max(1, looked),
      isIdle: isKey || (value !== undefined && looked > 1),
    }))
    .sort((a, b) => b.share - a.share)
    .slice(0, MOST_FIELDS);
}

function look(
  value: JsonObject,
  key: string,
  prefix: string,
  depth: number,
  seen: Map<string, Seen>,
): void {
  for (const [name, field] of Object.entries(value)) {
    const path = prefix + name;
    if (isObject(field)) {
      if (depth < DEPTH) {
        look(field, key, `${path}.`, depth + 1, seen);
      }
      continue;
    }
    const type = typeOf(field);
    if (type === null) {
      continue;
    }
    const known = seen.get(path);
    if (known === undefined) {
      seen.set(path, { type, count: 1, value: field, isKey: field === key });
    } else {
      known.count++;
      known.type = known.type === type ? type : "string";
      known.value = known.value === field ? field : undefined;
      known.isKey &&= field === key;
    }
  }
}

function typeOf(value: Json): FieldType | null {
  switch (typeof value) {
    case "string":
      return TIME.test(value) ? "time" : "string";
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    default:
      return null;
  }
}

/** The columns that a table begins with. */
export function firstColumns(fields: readonly Field[], keys: readonly string[]): readonly string[] {
  const rank = ({ path }: Field) => {
    const place = LEADING.indexOf(path);
    return place === -1 ? LEADING.length : place;
  };
  return fields
    .filter(({ share, isIdle, path }) => share >= 0.4 && !isIdle && !repeats(path, keys))
    .sort((a, b) => rank(a) - rank(b) || b.share - a.share)
    .slice(0, FIRST_COLUMNS)
    .map(({ path }) => path);
}

/** Whether a field is what keys are named after, such as `run_id`. */
function repeats(path: string, keys: readonly string[]): boolean {
  return /(^|_)id$/.test(path) && keys.some((key) => key.includes(path.replace(/_?id$/, "")));
}

/** The value at a path; undefined: there is none. A name may contain a dot. */
export function valueAt(payload: JsonObject | null, path: string): Json | undefined {
  if (payload === null) {
    return undefined;
  }
  const direct = payload[path];
  if (direct !== undefined) {
    return direct;
  }
  for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", dot + 1)) {
    const inner = payload[path.slice(0, dot)];
    if (isObject(inner)) {
      return valueAt(inner, path.slice(dot + 1));
    }
  }
  return undefined;
}
