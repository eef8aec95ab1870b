/** Topics as reactive values of Svelte 5: followed as long as a component or an effect reads them. */

import { createSubscriber } from "svelte/reactivity";
import type { KhalaTopic } from "../topics/topic.js";
import type { KhalaDocument } from "../types.js";
import {
  follow,
  type KhalaView,
  makeViewer,
  type Read,
  readDocuments,
  type Select,
} from "./view.js";

export type { KhalaView } from "./view.js";

/**
 * The documents of a topic, or what `select` makes of them. Null follows nothing. A topic that
 * changes: `const view = $derived(khalaTopic(topic))`.
 */
export function khalaTopic<T>(topic: KhalaTopic<T> | null): KhalaView<readonly KhalaDocument<T>[]>;
export function khalaTopic<T, S>(topic: KhalaTopic<T> | null, select: Select<T, S>): KhalaView<S>;
export function khalaTopic<T, S>(topic: KhalaTopic<T> | null, select?: Select<T, S>): KhalaView<S> {
  return viewOf(topic, readDocuments(select));
}

/** One document of a topic; undefined if there is none. */
export function khalaDocument<T>(
  topic: KhalaTopic<T> | null,
  docKey: string | null,
): KhalaView<KhalaDocument<T> | undefined> {
  return viewOf(docKey === null ? null : topic, (current) =>
    docKey === null ? undefined : current?.get(docKey),
  );
}

function viewOf<T, S>(topic: KhalaTopic<T> | null, read: Read<T, S>): KhalaView<S> {
  const get = makeViewer(topic, read);
  // On a server it follows nothing.
  const track = createSubscriber((update) => follow(topic, update));
  const now = () => {
    track();
    return get();
  };
  return {
    get data() {
      return now().data;
    },
    get isLoading() {
      return now().isLoading;
    },
    get error() {
      return now().error;
    },
    retry: () => get().retry(),
  };
}
