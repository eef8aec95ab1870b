/** React hooks: a mounted component follows a topic and shows its documents. */

import { useSyncExternalStore } from "react";
import type { KhalaClient } from "./client.js";
import type { KhalaTopic } from "./topics/topic.js";
import type { KhalaDocument, KhalaStatus, TopicStatus } from "./types.js";

/** The documents of a topic, followed while the component is mounted. */
export function useKhalaTopic<T>(topic: KhalaTopic<T>): readonly KhalaDocument<T>[] {
  return useSyncExternalStore(topic.subscribe, topic.getSnapshot, topic.getSnapshot);
}

/** The state of a topic. Does not follow it. */
export function useKhalaTopicStatus<T>(topic: KhalaTopic<T>): TopicStatus {
  return useSyncExternalStore(topic.onStatus, topic.getStatus, topic.getStatus);
}

/** The state of a client. */
export function useKhalaStatus(khala: KhalaClient): KhalaStatus {
  return useSyncExternalStore(khala.onStatus, khala.getStatus, khala.getStatus);
}
