/** One store for many parts of a topic, each under a name of its own. */

import type { Version } from "../topics/cache.js";
import type { Hash } from "../topics/hash.js";
import type { Subset } from "../topics/subset.js";
import type { KhalaStore } from "./store.js";

/** The part of a store that one topic uses. */
export type TopicStore = Pick<KhalaStore, "load" | "commit">;

/** A store that keeps cursor and documents of a subset apart from those of every other. */
export function storeOf(store: KhalaStore, subset: Subset, hash: Hash): TopicStore {
  const { topic, canonical } = subset;
  if (canonical === null) {
    return store;
  }
  // A filter may have a thousand keys, and each stored document has this name.
  const placed = async () => `${topic}?${await hash(canonical)}`;
  const named = (name: string, versions: readonly Version[]) =>
    versions.map((version) => ({ ...version, topic: name }));
  return {
    load: async (_, onPart) => {
      const stored = await store.load(
        await placed(),
        onPart && ((part) => onPart(named(topic, part))),
      );
      return stored && { ...stored, versions: named(topic, stored.versions) };
    },
    commit: async (commit) => {
      const place = await placed();
      return store.commit({ ...commit, topic: place, versions: named(place, commit.versions) });
    },
  };
}
