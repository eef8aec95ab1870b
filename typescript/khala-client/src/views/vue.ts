/** A Vue composable: a mounted component follows a topic and shows its documents. */

import {
  type ComputedRef,
  computed,
  type MaybeRefOrGetter,
  shallowRef,
  toValue,
  watchEffect,
} from "vue";
import type { KhalaTopic } from "../topics/topic.js";
import type { KhalaDocument } from "../types.js";
import {
  follow,
  type KhalaView,
  makeViewer,
  type Read,
  readDocuments,
  type Select,
  serverView,
} from "./view.js";

/** The members of a view, each a ref; see {@link KhalaView}. */
export interface KhalaRefs<S> {
  readonly data: ComputedRef<S>;
  readonly isLoading: ComputedRef<boolean>;
  readonly error: ComputedRef<KhalaView<S>["error"]>;
  readonly retry: () => void;
}

/**
 * The documents of a topic, or what `select` makes of them, followed while the component is mounted.
 * A ref or a getter may give another topic, or null, which follows nothing.
 */
export function useKhalaTopic<T>(
  topic: MaybeRefOrGetter<KhalaTopic<T> | null>,
): KhalaRefs<readonly KhalaDocument<T>[]>;
export function useKhalaTopic<T, S>(
  topic: MaybeRefOrGetter<KhalaTopic<T> | null>,
  select: Select<T, S>,
): KhalaRefs<S>;
export function useKhalaTopic<T, S>(
  topic: MaybeRefOrGetter<KhalaTopic<T> | null>,
  select?: Select<T, S>,
): KhalaRefs<S> {
  return useView(topic, () => readDocuments(select));
}

/** One document of a topic; undefined if there is none. */
export function useKhalaDocument<T>(
  topic: MaybeRefOrGetter<KhalaTopic<T> | null>,
  docKey: MaybeRefOrGetter<string | null>,
): KhalaRefs<KhalaDocument<T> | undefined> {
  return useView<T, KhalaDocument<T> | undefined>(
    () => (toValue(docKey) === null ? null : toValue(topic)),
    () => {
      const key = toValue(docKey);
      return (current) => (key === null ? undefined : current?.get(key));
    },
  );
}

function useView<T, S>(
  topic: MaybeRefOrGetter<KhalaTopic<T> | null>,
  makeRead: () => Read<T, S>,
): KhalaRefs<S> {
  let shown = serverView(toValue(topic), makeRead());
  const view = shallowRef(shown);
  // `post`: not before the component is mounted, and never on a server.
  watchEffect(
    (onCleanup) => {
      const current = toValue(topic);
      const get = makeViewer(current, makeRead(), () => shown);
      const show = () => {
        shown = get();
        view.value = shown;
      };
      onCleanup(follow(current, show));
      show();
    },
    { flush: "post" },
  );
  return {
    data: computed(() => view.value.data),
    isLoading: computed(() => view.value.isLoading),
    error: computed(() => view.value.error),
    retry: () => view.value.retry(),
  };
}
