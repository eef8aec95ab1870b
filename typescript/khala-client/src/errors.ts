/** A cursor that cannot be resumed from, and the reason. */
export interface StaleTopic {
  readonly topic: string;
  readonly resumeAfter: bigint | null;
  readonly retentionFloor: bigint | null;
  /** `below_floor`, `cursor_ahead`, `epoch_changed`, or a reason of a newer server. */
  readonly reason: string | null;
}

/** The topics that an error of the server ended, if it is not a reply. */
export interface EndedTopics {
  readonly topics: readonly string[];
}

/** The details of each error, by its code. */
export interface KhalaErrorDetails {
  /** The server: the cursor cannot be resumed from. The client takes a snapshot by itself. */
  stale_cursor: { readonly topics: readonly StaleTopic[] };
  /** The server: the token is missing, not valid, expired or revoked. */
  unauthorized: object;
  /** The server: the token does not cover the topic, or there is no such topic. Final. */
  forbidden_topic: EndedTopics;
  /** The server: a request that will not be accepted. Final. */
  bad_subscription: EndedTopics;
  /** The server: a request over a limit. Final. */
  payload_too_large: EndedTopics;
  /** The server: too many requests. Tried again. */
  rate_limited: EndedTopics;
  /** The server: it could not read a message. Tried again. */
  bad_frame: EndedTopics;
  /** The server: it cannot serve now. Tried again. */
  internal: EndedTopics;
  /** The server cannot be reached or went away. Tried again. */
  transport: object;
  /** The server sent a message that this protocol does not allow. Tried again. */
  protocol: object;
  /** The server's copy of a document is older than it announced. Fetched again. */
  hydration_behind: { readonly docKey: string };
  /** A document does not have the hash it was announced with. Not shown, and fetched again. */
  payload_hash_mismatch: { readonly docKey: string };
  /** The local store failed. The client continues from memory and saves again later. */
  store: object;
  /** A payload is not I-JSON, so it has no canonical form. */
  not_i_json: object;
  /** A wait took longer than its `timeoutMs`. */
  timeout: object;
  /** A wait was ended by its signal, or because the client was closed. */
  aborted: object;
  /** The program uses this client in a way that cannot work. */
  usage: object;
}

export type KhalaErrorCode = keyof KhalaErrorDetails;

/** Every error of this package. `switch (error.code)` narrows the details of {@link AnyKhalaError}. */
export class KhalaError<C extends KhalaErrorCode = KhalaErrorCode> extends Error {
  override readonly name = "KhalaError";

  constructor(
    readonly code: C,
    message: string,
    readonly details: KhalaErrorDetails[C],
    /** The wait before the next try that the server requests. */
    readonly retryAfterMs = 0,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** One of the errors; `code` narrows `details`. */
export type AnyKhalaError = { [C in KhalaErrorCode]: KhalaError<C> }[KhalaErrorCode];

/** Whether a thrown value is an error of this package, and of this code if one is given. */
export function isKhalaError<C extends KhalaErrorCode>(
  error: unknown,
  code?: C,
): error is KhalaError<C> {
  return error instanceof KhalaError && (code === undefined || error.code === code);
}

/** Codes after which trying again would end the same way. */
export const FINAL: ReadonlySet<KhalaErrorCode> = new Set([
  "forbidden_topic",
  "bad_subscription",
  "payload_too_large",
  "usage",
]);

/** An error without details. */
export function failure(
  code:
    | "unauthorized"
    | "transport"
    | "protocol"
    | "store"
    | "timeout"
    | "aborted"
    | "usage"
    | "not_i_json",
  message: string,
  cause?: unknown,
): AnyKhalaError {
  return new KhalaError(code, message, {}, 0, { cause }) as AnyKhalaError;
}

/** A thrown value as an error of this package. */
export function asKhalaError(
  thrown: unknown,
  code: "transport" | "store",
  what: string,
): AnyKhalaError {
  if (thrown instanceof KhalaError) {
    return thrown as AnyKhalaError;
  }
  return failure(code, `${what}: ${thrown instanceof Error ? thrown.message : thrown}`, thrown);
}
