import type { AnyKhalaError, StaleTopic } from "./errors.js";
import type { KhalaStore } from "./stores/store.js";
import type { Frame } from "./wire/serializer.js";

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object, such as the payload of a document. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/** A document as it stands, its hash verified. */
export interface KhalaDocument<T = JsonObject> {
  readonly topic: string;
  readonly docKey: string;
  readonly docVersion: bigint;
  /** The position of this version in the order of its topic. */
  readonly watermark: bigint;
  /** Base64 of the SHA-256 over the payload's canonical form; see `hashText`. */
  readonly payloadHash: string;
  readonly payload: T;
}

/**
 * The state of the connection. `disconnected`: not begun, or waiting for the next try.
 * `needs-auth`: the token was refused and the provider has no other yet. `error`: given up; call
 * `connect` when the cause is gone.
 */
export type ConnectionState = "connecting" | "connected" | "disconnected" | "error" | "needs-auth";

/** One moment of a client; the same object until something changes. */
export interface KhalaStatus {
  readonly state: ConnectionState;
  /** The number of failed tries since the last success. */
  readonly attempt: number;
  /** When the next try is due, in milliseconds since 1970; null when none is. */
  readonly retryAt: number | null;
  /** The last error, until connected again. */
  readonly error: AnyKhalaError | null;
}

/**
 * The state of one topic. `recovering`: its documents are being read from a snapshot. `error`: it
 * is not followed any more; subscribing again starts it over.
 */
export type TopicPhase =
  | "idle"
  | "recovering"
  | "subscribing"
  | "catching-up"
  | "live"
  | "waiting"
  | "error";

/** One moment of a topic; the same object until something changes. */
export interface TopicStatus {
  readonly phase: TopicPhase;
  /** Everything up to here has been seen; null as long as nothing has. */
  readonly watermark: bigint | null;
  /** The last head that the server sent. */
  readonly head: bigint | null;
  readonly error: AnyKhalaError | null;
}

/**
 * A part of a topic: documents by their keys, those whose key begins with `prefix`, or as many of
 * them as changed last.
 */
export type TopicFilter =
  | { readonly keys: readonly string[] }
  | { readonly prefix: string }
  | { readonly newest: number; readonly prefix?: string };

/** A watermark or a version as a program has it: JSON has a string above 2^53 - 1. */
export type Counter = bigint | number | string;

/** Limits of a wait. */
export interface WaitOptions {
  /** Rejects with `timeout` after so many milliseconds. Default 30,000; `Infinity` for none. */
  readonly timeoutMs?: number;
  /** Rejects with `aborted`, whose `cause` is the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Returns the token, or null when no user is signed in. Called at every connect and refresh. One
 * that does not settle within 10 seconds is called again later: return null while the user signs in.
 */
export type TokenProvider = () => string | null | Promise<string | null>;

/** The part of a WebSocket class that is used: of browsers, of Node 22 or of the package `ws`. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** The part of a WebSocket that this client uses. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown } & never) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string } & never) => void) | null;
  onerror: ((event: never) => void) | null;
  binaryType: string;
  send(data: string): void;
  close(code?: number): void;
}

/** The form in which updates come, where it is not JSON; see `khala-client/binary`. */
export interface Lane {
  /** The query of the socket's URL that selects it. */
  readonly query: string;
  /** Reads one message of the socket, text or binary. Throws `protocol`. */
  readonly decode: (message: unknown) => Frame;
}

/** SHA-256 of some bytes. */
export type Sha256 = (
  bytes: Uint8Array<ArrayBuffer>,
) => ArrayBuffer | Uint8Array | Promise<ArrayBuffer | Uint8Array>;

/** The wait between tries: drawn evenly from 0 to `min(capMs, baseMs * 2^attempt)`. */
export interface BackoffOptions {
  readonly baseMs?: number;
  readonly capMs?: number;
}

export interface KhalaClientOptions {
  /** Such as `wss://sync.example/socket/websocket`; a path alone is taken from the page's origin. */
  readonly url: string;
  readonly token: string | TokenProvider;
  /** Where snapshots and documents are read. Default: the origin of `url`. */
  readonly httpUrl?: string;
  /** The place of documents and watermarks. Default: in memory only. */
  readonly store?: KhalaStore;
  /** The least time between two saves, in milliseconds. Default 200. */
  readonly saveEveryMs?: number;
  /** Default: the global one, which Node has from version 22 on. */
  readonly WebSocket?: WebSocketClass;
  readonly fetch?: typeof fetch;
  /** False: a replay has every version, not only the last one of each document. Default true. */
  readonly compact?: boolean;
  /**
   * Show the documents of a first snapshot, and of the store, as they come: a topic without a
   * watermark does not have all of them yet. Default false: all at once.
   */
  readonly partial?: boolean;
  /** Default: JSON. `binaryLane` of `khala-client/binary` takes fewer bytes and less work. */
  readonly lane?: Lane;
  /** Default: SubtleCrypto's, which needs a secure origin; see `khala-client/sha256`. */
  readonly sha256?: Sha256;
  readonly backoff?: BackoffOptions;
  /**
   * Called with every error, also with those that the client handles by itself. Default: warns on
   * the console.
   */
  readonly onError?: (error: AnyKhalaError) => void;
  /** Called with a stale cursor, before the topic is read from a snapshot. */
  readonly onStaleCursor?: (stale: StaleTopic) => void | Promise<void>;
}
