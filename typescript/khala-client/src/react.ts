/** React hooks: a component shows what a topic holds, and follows it while it is mounted. */

import { useSyncExternalStore } from "react";
import type { KhalaClient } from "./client.js";
import type { KhalaTopic } from "./topic.js";
import type { KhalaDocument, KhalaStatus, TopicStatus } from "./types.js";

/** The documents of a topic, followed while the component is mounted. */
export function useKhalaTopic<T>(topic: KhalaTopic<T>): readonly KhalaDocument<T>[] {
  return useSyncExternalStore(topic.subscribe, topic.getSnapshot, topic.getSnapshot);
}

/** Where a topic stands. Does not follow it. */
export function useKhalaTopicStatus<T>(topic: KhalaTopic<T>): TopicStatus {
  return useSyncExternalStore(topic.onStatus, topic.getStatus, topic.getStatus);
}

/** What a client is doing. */
export function useKhalaStatus(khala: KhalaClient): KhalaStatus {
  return useSyncExternalStore(khala.onStatus, khala.getStatus, khala.getStatus);
}
