/** The difference between two payloads, field by field. */

import type { Json } from "khala-client";
import { isObject } from "../summary";

export interface Change {
  /** Such as `progress.lines` or `steps[2].name`; empty: the whole payload. */
  readonly path: string;
  /** Undefined: it was added. */
  readonly before: Json | undefined;
  /** Undefined: it was removed. */
  readonly after: Json | undefined;
}

/** Fields that go up with each change, by their names: other changes are shown before them. */
export const COUNTERS = /(_at|_count|_?seq|version)$/;

/** Arrays whose lengths multiply to more are compared by place: the table would be too large. */
const LARGEST_TABLE = 250_000;

export function differences(
  before: Json | undefined,
  after: Json | undefined,
  path = "",
): readonly Change[] {
  if (before === after) {
    return [];
  }
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => differences(before[name], after[name], joined(path, name)));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return inArrays(before, after, path);
  }
  return [{ path, before, after }];
}

/** The path of a member, as it would be written in a program. */
export function joined(path: string, name: string | number): string {
  if (typeof name === "number") {
    return `${path}[${name}]`;
  }
  if (!/^[A-Za-z_$][\w$-]*$/.test(name)) {
    return `${path}[${JSON.stringify(name)}]`;
  }
  return path === "" ? name : `${path}.${name}`;
}

/** What was inserted into an array does not make everything after it different. */
function inArrays(before: readonly Json[], after: readonly Json[], path: string): Change[] {
  const pairs =
    before.length * after.length > LARGEST_TABLE
      ? Array.from({ length: Math.max(before.length, after.length) }, (_, at) => [at, at] as const)
      : aligned(before, after);
  return pairs.flatMap(([old, now]) => {
    const [was, is] = [
      old === null ? undefined : before[old],
      now === null ? undefined : after[now],
    ];
    return differences(was, is, joined(path, now ?? old ?? 0));
  });
}

/** Places that belong together, in order; null: the other side has nothing for it. */
function aligned(
  before: readonly Json[],
  after: readonly Json[],
): readonly (readonly [number | null, number | null])[] {
  const [old, now] = [before, after].map((all) => all.map((each) => JSON.stringify(each)));
  const width = after.length + 1;
  // The length of the longest common subsequence of what follows each pair of places.
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const isSame = old?.[i] === now?.[j];
      const [both = 0, down = 0, right = 0] = [
        common[(i + 1) * width + j + 1],
        common[(i + 1) * width + j],
        common[i * width + j + 1],
      ];
      common[i * width + j] = isSame ? both + 1 : Math.max(down, right);
    }
  }
  const pairs: [number | null, number | null][] = [];
  let [i, j] = [0, 0];
  let [removed, added]: [number[], number[]] = [[], []];
  const settle = () => {
    // What was removed and added at the same place is one that changed.
    for (let at = 0; at < Math.max(removed.length, added.length); at++) {
      pairs.push([removed[at] ?? null, added[at] ?? null]);
    }
    [removed, added] = [[], []];
  };
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && old?.[i] === now?.[j]) {
      settle();
      i++;
      j++;
    } else if ((common[i * width + j + 1] ?? 0) > (common[(i + 1) * width + j] ?? 0)) {
      added.push(j++);
    } else if (i < before.length) {
      removed.push(i++);
    } else {
      added.push(j++);
    }
  }
  settle();
  return pairs;
}
