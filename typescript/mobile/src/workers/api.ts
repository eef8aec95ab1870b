/** Codex workers over HTTP. Every function throws RequestError. */

import type { JsonObject } from "khala-client";
import type { Session } from "../account/session";
import { isObject, list, number, text } from "../json";
import { readWorker, type Worker } from "./worker";

const PATH = "/api/runtime/codex/workers";
const MOST = 1000;

export interface WorkerEvent {
  readonly seq: number;
  readonly type: string;
  readonly recordedAt: string;
  readonly payload: JsonObject;
}

/** All workers of the organisation as they are now. */
export async function listWorkers(
  session: Session,
  signal: AbortSignal,
): Promise<readonly Worker[]> {
  const found: Worker[] = [];
  let cursor = "";
  do {
    const after = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await session.request(`${PATH}?limit=${MOST}${after}`, { signal });
    for (const each of list(body, "workers")) {
      if (isObject(each)) {
        found.push(readWorker(each, number(each, "projection_lag")));
      }
    }
    cursor = text(body, "next_cursor");
  } while (cursor !== "");
  return found;
}

export interface EventPage {
  readonly events: readonly WorkerEvent[];
  /** Where the next page begins; `latestSeq` when there is none. */
  readonly nextAfter: number;
  readonly latestSeq: number;
}

/** Events of a worker after a sequence number. */
export async function listEvents(
  session: Session,
  worker: string,
  after: number,
  limit: number,
  signal: AbortSignal,
): Promise<EventPage> {
  const path = `${PATH}/${encodeURIComponent(worker)}/events?after=${after}&limit=${limit}`;
  const { body } = await session.request(path, { signal });
  return {
    events: list(body, "events").filter(isObject).map(readEvent),
    nextAfter: number(body, "next_after") ?? after,
    latestSeq: number(body, "latest_seq") ?? after,
  };
}

function readEvent(event: JsonObject): WorkerEvent {
  const payload = event["payload"];
  return {
    seq: number(event, "seq") ?? 0,
    type: text(event, "type"),
    recordedAt: text(event, "recorded_at"),
    payload: isObject(payload) ? payload : {},
  };
}

export type ActionKind = "request" | "stop";

/** Sends a request to a worker; the sequence number of its event. A repeat with the same key is none. */
export async function act(
  session: Session,
  worker: string,
  kind: ActionKind,
  body: JsonObject,
  idempotencyKey: string,
): Promise<number> {
  const path = `${PATH}/${encodeURIComponent(worker)}/${kind === "stop" ? "stop" : "requests"}`;
  const response = await session.request(path, {
    post: body,
    headers: { "Idempotency-Key": idempotencyKey },
  });
  const request = response.body["request"];
  return isObject(request) ? (number(request, "seq") ?? 0) : 0;
}
