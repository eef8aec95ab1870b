/** What a component shows of a topic, the same for every framework. */

import type { AnyKhalaError } from "../errors.js";
import type { Unsubscribe } from "../host/observable.js";
import type { KhalaTopic } from "../topics/topic.js";
import type { JsonObject, KhalaDocument } from "../types.js";

/** One moment of what is shown; the same object until one of its members changes. */
export interface KhalaView<S> {
  /** The documents, or what was selected of them. */
  readonly data: S;
  /** Whether the topic has no documents yet: neither stored ones nor the server's. */
  readonly isLoading: boolean;
  /** The error that ended the topic or its client. Null while the client still tries by itself. */
  readonly error: AnyKhalaError | null;
  /** Starts again what ended with an error. */
  readonly retry: () => void;
}

/** Takes what is wanted of a topic; null: there is none, and nothing is selected of nothing. */
export type Read<T, S> = (topic: KhalaTopic<T> | null) => S;

export type Select<T, S> = (documents: readonly KhalaDocument<T>[]) => S;

const NONE: readonly never[] = [];
const nothing = () => {};

/** What `select` makes of the documents; all of them without it. */
export function readDocuments<T, S>(select?: Select<T, S>): Read<T, S> {
  return (topic) => {
    const documents: readonly KhalaDocument<T>[] = topic?.getSnapshot() ?? NONE;
    // Without `select` there is no other S than the documents: the callers' overloads say so.
    return select === undefined ? (documents as S) : select(documents);
  };
}

/** Follows a topic; `listener` is called when its view may have changed. */
export function follow<T = JsonObject>(
  topic: KhalaTopic<T> | null,
  listener: () => void,
): Unsubscribe {
  if (topic === null) {
    return nothing;
  }
  const ends = [
    topic.subscribe(listener),
    topic.onStatus(listener),
    topic.client.onStatus(listener),
  ];
  return () => {
    for (const end of ends) {
      end();
    }
  };
}

/** The view of a server that renders, and of a page until it has taken over what that rendered. */
export function serverView<T, S>(topic: KhalaTopic<T> | null, read: Read<T, S>): KhalaView<S> {
  return {
    data: read(null),
    isLoading: topic !== null,
    error: null,
    retry: topic?.retry ?? nothing,
  };
}

/**
 * A function that returns the view of a topic now. Nothing is read twice of the same documents.
 *
 * `shown` is the view on the screen, perhaps of another `read`: its data stay in place when equal
 * data are read, so that a selection made anew from the same documents changes nothing.
 */
export function makeViewer<T, S>(
  topic: KhalaTopic<T> | null,
  read: Read<T, S>,
  shown: () => KhalaView<S> | null = () => null,
): () => KhalaView<S> {
  let documents: unknown;
  let last: KhalaView<S> | null = null;
  return () => {
    const current = topic?.getSnapshot();
    const before = last ?? shown();
    const found = last !== null && current === documents ? last.data : read(topic);
    documents = current;
    const data = before !== null && isSame(before.data, found) ? before.data : found;
    const error = errorOf(topic);
    const isLoading = topic !== null && error === null && topic.getStatus().watermark === null;
    const retry = topic?.retry ?? nothing;
    const view = { data, isLoading, error, retry };
    last = before !== null && hasSame(before, view) ? before : view;
    return last;
  };
}

function errorOf<T>(topic: KhalaTopic<T> | null): AnyKhalaError | null {
  const status = topic?.getStatus();
  if (status?.phase === "error") {
    return status.error;
  }
  const client = topic?.client.getStatus();
  return client?.state === "error" ? client.error : null;
}

/** Whether two values are the same, or arrays or plain objects of the same values. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) {
    return true;
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, place) => isSame(each, other[place]));
  }
  return isPlain(one) && isPlain(other) && hasSame(one, other, isSame);
}

function hasSame(one: object, other: object, is = Object.is): boolean {
  const members = Object.entries(one);
  return (
    members.length === Object.keys(other).length &&
    members.every(
      ([name, value]) => Object.hasOwn(other, name) && is(value, other[name as keyof typeof other]),
    )
  );
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value))
  );
}
