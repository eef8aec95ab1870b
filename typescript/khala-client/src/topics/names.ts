/** Types of documents by the name of their topic. */

import type { JsonObject, TopicFilter } from "../types.js";
import type { KhalaTopic } from "./topic.js";

/**
 * The type of each topic's payloads. A program adds its own by `declare module "khala-client"`, as
 * the file that `khala types` writes does.
 */
// biome-ignore lint/suspicious/noEmptyInterface: what is added is the program's.
export interface KhalaTopics {}

/**
 * Gives a topic by its name, or a part of it; the same object for the same name and filter. Parts of
 * one topic that are followed at the same time take a connection each.
 */
export interface TopicByName {
  <N extends keyof KhalaTopics & string>(name: N, filter?: TopicFilter): KhalaTopic<KhalaTopics[N]>;
  <T = JsonObject>(name: string, filter?: TopicFilter): KhalaTopic<T>;
}
