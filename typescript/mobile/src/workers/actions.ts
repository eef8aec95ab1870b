/** Requests to workers, shown at once as if they had been carried out, and taken back if refused. */

import type { JsonObject } from "khala-client";
import { Observable } from "khala-client/host/observable";
import { RequestError, type Session } from "../account/session";
import { type ActionKind, act } from "./api";
import { hasEnded, type Worker } from "./worker";

export interface Action {
  /** Also the idempotency key: a repeat is no second request. */
  readonly id: string;
  readonly worker: string;
  readonly kind: ActionKind;
  readonly body: JsonObject;
  /** `sent`: accepted, and the worker's document does not show it yet. */
  readonly phase: "sending" | "sent" | "failed";
  readonly seq: number | null;
  readonly error: string | null;
}

export class Actions {
  readonly pending = new Observable<readonly Action[]>([]);
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Sends an action; whether the server has accepted it. A second stop is none: the first stands. */
  async send(worker: string, kind: ActionKind, body: JsonObject): Promise<boolean> {
    const isSame = (each: Action) => each.worker === worker && each.kind === kind;
    const known = this.pending.get();
    if (kind === "stop" && known.some((each) => isSame(each) && each.phase !== "failed")) {
      return true;
    }
    // A new try replaces what failed before it.
    const others = known.filter((each) => !(isSame(each) && each.phase === "failed"));
    const action = { id: newKey(), worker, kind, body, seq: null, error: null };
    this.pending.set([...others, { ...action, phase: "sending" }]);
    return this.#send(action.id);
  }

  /** Sends a failed action once more, under its own key. */
  async retry(id: string): Promise<boolean> {
    if (!this.pending.get().some((each) => each.id === id && each.phase === "failed")) {
      return true;
    }
    this.#change(id, { phase: "sending", error: null });
    return this.#send(id);
  }

  /** Forgets a failed action. */
  dismiss(id: string): void {
    this.pending.set(this.pending.get().filter((each) => each.id !== id));
  }

  /** The documents are these now: what they show is no longer pending. */
  settle(workers: readonly Worker[]): void {
    if (this.pending.get().length === 0) {
      return;
    }
    const reached = new Map(workers.map(({ id, seq }) => [id, seq]));
    const isOpen = ({ phase, worker, seq }: Action) =>
      phase !== "sent" || (reached.get(worker) ?? 0) < (seq ?? 0);
    if (!this.pending.get().every(isOpen)) {
      this.pending.set(this.pending.get().filter(isOpen));
    }
  }

  async #send(id: string): Promise<boolean> {
    const action = this.pending.get().find((each) => each.id === id);
    if (action === undefined) {
      return false;
    }
    try {
      const seq = await act(this.#session, action.worker, action.kind, action.body, id);
      this.#change(id, { phase: "sent", seq });
      return true;
    } catch (error) {
      const message = error instanceof RequestError ? error.message : String(error);
      this.#change(id, { phase: "failed", error: message });
      return false;
    }
  }

  #change(id: string, members: Partial<Action>): void {
    this.pending.set(
      this.pending.get().map((each) => (each.id === id ? { ...each, ...members } : each)),
    );
  }
}

/** The worker as it will be when its pending actions have been carried out. */
export function optimistic(worker: Worker, actions: readonly Action[]): Worker {
  const stops = actions.some(
    ({ kind, phase, worker: id }) => kind === "stop" && phase !== "failed" && id === worker.id,
  );
  return stops && !hasEnded(worker) ? { ...worker, status: "stopping" } : worker;
}

function newKey(): string {
  const part = () => Math.random().toString(36).slice(2);
  return `${part()}${part()}`;
}
