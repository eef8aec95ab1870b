/** Waiting for what a client reports: woken by its own events, never by time. */

import type {
  KhalaClient,
  KhalaDocument,
  KhalaStatus,
  KhalaTopic,
  TopicStatus,
} from "../../src/index.js";
import type { Plain } from "./server.js";

export const plain = (documents: readonly KhalaDocument[]): Plain[] =>
  documents.map(({ docKey, docVersion, payload }) => ({
    key: docKey,
    version: String(docVersion),
    payload,
  }));

/** Follows the topic, and goes on doing so; resolves when its documents satisfy `until`. */
export function documents(
  topic: KhalaTopic,
  until: (documents: readonly KhalaDocument[]) => boolean,
): Promise<readonly KhalaDocument[]> {
  return new Promise((resolve) => {
    topic.subscribe((found) => {
      if (until(found)) {
        resolve(found);
      }
    });
  });
}

/** Follows the topic until it has reached the server's end. */
export async function live(topic: KhalaTopic): Promise<void> {
  topic.subscribe(() => {});
  await topicStatus(topic, ({ phase }) => phase === "live");
}

export function topicStatus(
  topic: KhalaTopic,
  until: (status: TopicStatus) => boolean,
): Promise<TopicStatus> {
  return wait(topic.getStatus, topic.onStatus, until);
}

export function status(
  khala: KhalaClient,
  until: (status: KhalaStatus) => boolean,
): Promise<KhalaStatus> {
  return wait(khala.getStatus, khala.onStatus, until);
}

function wait<T>(
  get: () => T,
  subscribe: (listener: (value: T) => void) => () => void,
  until: (value: T) => boolean,
): Promise<T> {
  return new Promise((resolve) => {
    let unsubscribe = () => {};
    const look = () => {
      if (until(get())) {
        unsubscribe();
        resolve(get());
      }
    };
    unsubscribe = subscribe(look);
    look();
  });
}
