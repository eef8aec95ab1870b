/** A topic as a collection of TanStack DB: live queries and joins of documents, optimistic writes. */

import type {
  BaseCollectionConfig,
  CollectionConfig,
  InferSchemaOutput,
  StandardSchema,
} from "@tanstack/db";
import type { KhalaClient } from "../client.js";
import type { KhalaTopics } from "../topics/names.js";
import type { KhalaTopic } from "../topics/topic.js";
import type { KhalaDocument, TopicFilter, WaitOptions } from "../types.js";
import { followTopic } from "./sync.js";

type Key = string | number;
type Schema = StandardSchema<unknown>;
type Named = keyof KhalaTopics & string;
type RowOf<N extends Named> = KhalaTopics[N] extends object ? KhalaTopics[N] : never;

/** Waiting for what was written, in mutation handlers: `collection.utils`. */
export type KhalaCollectionUtils<T extends object> = {
  /**
   * Resolves when the collection has everything up to this watermark, which a write returned: at
   * once if it has, and for null, which a write returns that changed nothing. Rejects as `waitFor`
   * of a topic.
   */
  readonly awaitWatermark: KhalaTopic["waitFor"];
  /**
   * Resolves when the server's row of this document is as expected; it is undefined when there is
   * none. For writes that do not know their watermark: to attached tables and grouped topics.
   * Rejects as `waitFor` of a topic.
   */
  readonly awaitRow: (
    docKey: string,
    isExpected: (row: T | undefined) => boolean,
    options?: WaitOptions,
  ) => Promise<void>;
};

/** The options of a collection, besides those of every collection of TanStack DB. */
export type KhalaCollectionConfig<
  T extends object,
  TKey extends Key,
  TSchema extends Schema = never,
> = Omit<BaseCollectionConfig<T, TKey, TSchema, KhalaCollectionUtils<T>>, "syncMode" | "utils"> & {
  readonly client: KhalaClient;
  /** The name of a topic. */
  readonly topic: string;
  /** The part of the topic that the collection has, as in `client.topic`. Default: all of it. */
  readonly filter?: TopicFilter;
  /** The row of a document. Default: its payload. */
  readonly row?: (document: KhalaDocument) => T;
  /**
   * True: ready as soon as the client's store has given its documents, with or without a
   * connection. Default false: ready when the topic has caught up with the server.
   */
  readonly readyOffline?: boolean;
};

/** What `createCollection` takes. */
export type KhalaCollectionOptions<
  T extends object,
  TKey extends Key,
  TSchema extends Schema = never,
> = CollectionConfig<T, TKey, TSchema, KhalaCollectionUtils<T>> & {
  readonly utils: KhalaCollectionUtils<T>;
};

/** The options of a collection whose rows are the documents of a topic. Pass them to `createCollection`. */
export function khalaCollectionOptions<TSchema extends Schema, TKey extends Key = Key>(
  config: KhalaCollectionConfig<InferSchemaOutput<TSchema>, TKey, TSchema> & { schema: TSchema },
): KhalaCollectionOptions<InferSchemaOutput<TSchema>, TKey, TSchema> & { schema: TSchema };
export function khalaCollectionOptions<N extends Named, TKey extends Key = Key>(
  config: KhalaCollectionConfig<RowOf<N>, TKey> & {
    readonly topic: N;
    readonly row?: never;
    schema?: never;
  },
): KhalaCollectionOptions<RowOf<N>, TKey> & { schema?: never };
export function khalaCollectionOptions<T extends object, TKey extends Key = Key>(
  config: KhalaCollectionConfig<T, TKey> & { schema?: never },
): KhalaCollectionOptions<T, TKey> & { schema?: never };
export function khalaCollectionOptions<
  T extends object,
  TKey extends Key,
  TSchema extends Schema = never,
>(config: KhalaCollectionConfig<T, TKey, TSchema>): KhalaCollectionOptions<T, TKey, TSchema> {
  const {
    client,
    topic: name,
    filter,
    // The shape of a payload is agreed between the program and the publisher.
    row = ({ payload }) => payload as object as T,
    readyOffline = false,
    ...rest
  } = config;
  const topic = client.topic(name, filter);
  const { getKey } = rest;
  return {
    ...rest,
    sync: {
      sync: followTopic({ client, topic, row, getKey, readyOffline }),
      // A document is written as a whole.
      rowUpdateMode: "full",
    },
    utils: {
      awaitWatermark: topic.waitFor,
      awaitRow: (docKey, isExpected, options) =>
        topic
          .document(docKey)
          .waitUntil((document) => isExpected(document && row(document)), options),
    },
  };
}
