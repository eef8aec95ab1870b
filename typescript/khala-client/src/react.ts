"use client";
/** React hooks: a mounted component follows a topic and shows its documents. */

import { useCallback, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { KhalaClient } from "./client.js";
import type { KhalaTopic } from "./topics/topic.js";
import type { KhalaDocument, KhalaStatus, TopicStatus } from "./types.js";
import { Retries } from "./views/boundary.js";
import {
  follow,
  type KhalaView,
  makeViewer,
  type Read,
  readDocuments,
  type Select,
  serverView,
} from "./views/view.js";

export { KhalaErrorBoundary, type KhalaErrorBoundaryProps } from "./views/boundary.js";
export type { KhalaView } from "./views/view.js";

/**
 * The documents of a topic, or what `select` makes of them, followed while the component is mounted.
 *
 * The component renders again only when that is no longer equal: values, and arrays and plain
 * objects of such, are compared by their content. Null follows nothing. Under a
 * {@link KhalaErrorBoundary} an error that ended the topic or its client is thrown.
 */
export function useKhalaTopic<T>(
  topic: KhalaTopic<T> | null,
): KhalaView<readonly KhalaDocument<T>[]>;
export function useKhalaTopic<T, S>(
  topic: KhalaTopic<T> | null,
  select: Select<T, S>,
): KhalaView<S>;
export function useKhalaTopic<T, S>(
  topic: KhalaTopic<T> | null,
  select?: Select<T, S>,
): KhalaView<S> {
  return useView(
    topic,
    useMemo(() => readDocuments(select), [select]),
  );
}

/** One document of a topic, as {@link useKhalaTopic}; undefined if there is none. */
export function useKhalaDocument<T>(
  topic: KhalaTopic<T> | null,
  docKey: string | null,
): KhalaView<KhalaDocument<T> | undefined> {
  return useView(
    docKey === null ? null : topic,
    useCallback((current) => (docKey === null ? undefined : current?.get(docKey)), [docKey]),
  );
}

/** The state of a topic. Does not follow it. */
export function useKhalaTopicStatus<T>(topic: KhalaTopic<T> | null): TopicStatus {
  return useSyncExternalStore(topic?.onStatus ?? never, topic?.getStatus ?? idle, idle);
}

/** The state of a client. */
export function useKhalaStatus(khala: KhalaClient): KhalaStatus {
  return useSyncExternalStore(khala.onStatus, khala.getStatus, disconnected);
}

function useView<T, S>(topic: KhalaTopic<T> | null, read: Read<T, S>): KhalaView<S> {
  const shown = useRef<KhalaView<S> | null>(null);
  const subscribe = useCallback((listener: () => void) => follow(topic, listener), [topic]);
  const [get, getServer] = useMemo(() => {
    const first = serverView(topic, read);
    return [makeViewer(topic, read, () => shown.current), () => first];
  }, [topic, read]);
  const view = useSyncExternalStore(subscribe, get, getServer);
  useEffect(() => {
    shown.current = view;
  }, [view]);
  const retries = useContext(Retries);
  if (view.error !== null && retries !== null) {
    retries.add(view.retry);
    throw view.error;
  }
  return view;
}

// What a server renders, whatever its client does: a page that takes over has to begin with the same.
const IDLE: TopicStatus = { phase: "idle", watermark: null, head: null, error: null };
const idle = () => IDLE;
const DISCONNECTED: KhalaStatus = { state: "disconnected", attempt: 0, retryAt: null, error: null };
const disconnected = () => DISCONNECTED;
const never = () => () => {};
