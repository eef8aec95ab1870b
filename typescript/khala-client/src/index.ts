export { createKhalaClient, type KhalaClient } from "./client.js";
export {
  type AnyKhalaError,
  isKhalaError,
  KhalaError,
  type KhalaErrorCode,
  type KhalaErrorDetails,
  type StaleTopic,
} from "./errors.js";
export { type IndexedDbOptions, indexedDbStore } from "./stores/indexeddb.js";
export {
  asyncStorageStore,
  type KeyValueOptions,
  type KeyValueStorage,
  localStorageStore,
} from "./stores/key-value.js";
export { memoryStore } from "./stores/memory.js";
export {
  type SqliteExecute,
  type SqliteRow,
  type SqliteValue,
  sqliteStore,
} from "./stores/sqlite.js";
export {
  type Commit,
  type Cursor,
  type KhalaStore,
  type Plan,
  plan,
  type Stored,
} from "./stores/store.js";
export { canonicalJson, hashText, payloadHash } from "./topics/hash.js";
export type { KhalaTopics, TopicByName } from "./topics/names.js";
export type { KhalaTopic, TopicDocument } from "./topics/topic.js";
export type * from "./types.js";
