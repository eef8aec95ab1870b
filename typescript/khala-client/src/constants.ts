/** The one channel of a Khala socket. */
export const CHANNEL = "sync:v1";

/** Phoenix serializer version 2. */
export const VSN = "2.0.0";

/** How a WebSocket ended, where the client does more about it than to come back. */
export const CLOSE = {
  /** The client asked for it. */
  normal: 1000,
  /** The token expired or was revoked: come back with another. */
  unauthorized: 4401,
  /** Not allowed, and it will not be: stay away. */
  forbidden: 4403,
} as const;

/** How long a connection attempt, and each HTTP request, may take. */
export const TIMEOUT_MS = 10_000;

/** How often pointers and snapshots are asked for again before the topic starts over. */
export const TRIES = 5;

/** How many documents are fetched at once. */
export const AT_ONCE = 4;

/** The longest delay that timers keep: beyond it they fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
