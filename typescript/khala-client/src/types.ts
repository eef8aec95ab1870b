import type { AnyKhalaError, StaleTopic } from "./errors.js";
import type { Frame } from "./serializer.js";
import type { KhalaStore } from "./stores/store.js";

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
  /** Where in its topic's order this version stands. */
  readonly watermark: bigint;
  /** Base64 of the SHA-256 over the payload's canonical form; see `hashText`. */
  readonly payloadHash: string;
  readonly payload: T;
}

/**
 * Where the connection stands. `disconnected`: not begun, or waiting for the next try.
 * `needs-auth`: the token was refused and the provider has no other yet. `error`: given up; call
 * `connect` when the cause is gone.
 */
export type ConnectionState = "connecting" | "connected" | "disconnected" | "error" | "needs-auth";

/** One moment of a client; the same object until something changes. */
export interface KhalaStatus {
  readonly state: ConnectionState;
  /** How many tries have failed since the last success. */
  readonly attempt: number;
  /** When the next try is due, in milliseconds since 1970; null when none is. */
  readonly retryAt: number | null;
  /** The last thing that went wrong, until connected again. */
  readonly error: AnyKhalaError | null;
}

/**
 * Where one topic stands. `recovering`: its documents are being read from a snapshot. `error`: it
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
  /** Where the server's end was when it last said so. */
  readonly head: bigint | null;
  readonly error: AnyKhalaError | null;
}

/** The token to show, or null when nobody is signed in. Asked at every connect and refresh. */
export type TokenProvider = () => string | null | Promise<string | null>;

/** What this client needs of a WebSocket class: that of browsers, Node 22 or the package `ws`. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** What this client needs of a WebSocket. */
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
  /** What asks for it in the socket's URL. */
  readonly query: string;
  /** Reads one message of the socket, text or binary. Throws `protocol`. */
  readonly decode: (message: unknown) => Frame;
}

/** SHA-256 of some bytes. */
export type Sha256 = (
  bytes: Uint8Array<ArrayBuffer>,
) => ArrayBuffer | Uint8Array | Promise<ArrayBuffer | Uint8Array>;

/** How long to wait between tries: evenly drawn from 0 to `min(capMs, baseMs * 2^attempt)`. */
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
  /** Where documents and watermarks are kept. Default: in memory only. */
  readonly store?: KhalaStore;
  /** The least time between two saves, in milliseconds. Default 200. */
  readonly saveEveryMs?: number;
  /** Default: the global one, which Node has from version 22 on. */
  readonly WebSocket?: WebSocketClass;
  readonly fetch?: typeof fetch;
  /** Default: JSON. `binaryLane` of `khala-client/binary` takes fewer bytes and less work. */
  readonly lane?: Lane;
  /** Default: SubtleCrypto's, which needs a secure origin; see `khala-client/sha256`. */
  readonly sha256?: Sha256;
  readonly backoff?: BackoffOptions;
  /** Told of every error, also of those that the client deals with by itself. */
  readonly onError?: (error: AnyKhalaError) => void;
  /** Told of a cursor that cannot be resumed from, before the topic is read from a snapshot. */
  readonly onStaleCursor?: (stale: StaleTopic) => void | Promise<void>;
}
