/** Switches of the control plane: what the server has, and what was requested of it meanwhile. */

import { Observable } from "khala-client/host/observable";
import { isObject, text } from "../summary";
import { authorized } from "../tokens";

/** The gateway as a whole, or an owner. */
export type Target = { readonly ownerId: string } | "gateway";

export interface Request {
  readonly target: Target;
  readonly active: boolean;
  readonly reason: string;
  /** A repeat with the same key has one effect. */
  readonly idempotencyKey: string;
}

/** A request on its way; the server's time of the change once it has responded. */
export interface Sent extends Request {
  readonly changedAt: number | null;
}

export interface Failure {
  readonly request: Request;
  readonly message: string;
}

const LONGEST_MS = 10_000;

export class Switches {
  readonly #organisation: string;
  readonly #sent = new Observable<ReadonlyMap<string, Sent>>(new Map());
  readonly #failure = new Observable<Failure | null>(null);
  readonly sent = { get: this.#sent.get, subscribe: this.#sent.subscribe };
  readonly failure = { get: this.#failure.get, subscribe: this.#failure.subscribe };

  constructor(organisation: string) {
    this.#organisation = organisation;
  }

  /** Sends a request. Until it has failed, the page shows it as done. */
  readonly send = async (request: Request): Promise<void> => {
    this.#failure.set(null);
    this.#mark(request, { ...request, changedAt: null });
    try {
      this.#mark(request, { ...request, changedAt: await post(request, this.#organisation) });
    } catch (error) {
      this.#mark(request, null);
      this.#failure.set({ request, message: messageOf(error) });
    }
  };

  readonly dismiss = (): void => this.#failure.set(null);

  #mark({ target }: Request, sent: Sent | null): void {
    const next = new Map(this.#sent.get());
    if (sent === null) {
      next.delete(targetKey(target));
    } else {
      next.set(targetKey(target), sent);
    }
    this.#sent.set(next);
  }
}

export function targetKey(target: Target): string {
  return target === "gateway" ? target : `owner/${target.ownerId}`;
}

/** A request that the page shows instead of what the server has; null when that is newer. */
export function pending(
  sent: ReadonlyMap<string, Sent>,
  target: Target,
  knownAt: number | null,
): Sent | null {
  const found = sent.get(targetKey(target));
  const isOutdated =
    found === undefined ||
    (found.changedAt !== null && knownAt !== null && knownAt >= found.changedAt);
  return isOutdated ? null : found;
}

class RefusedError extends Error {}

/** The time of the change, by the server's clock. */
async function post(
  { target, active, reason, idempotencyKey }: Request,
  organisation: string,
): Promise<number> {
  const path = target === "gateway" ? "pause" : "kill-switch";
  const response = await authorized(organisation, (token) =>
    fetch(`/api/lightning/security/${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Idempotency-Key": idempotencyKey },
      body: JSON.stringify({ ...(target === "gateway" ? {} : target), active, reason }),
      signal: AbortSignal.timeout(LONGEST_MS),
    }),
  );
  const body: unknown = await response.json();
  const fields = isObject(body) ? body : {};
  const record = target === "gateway" ? fields["global"] : fields["ownerControl"];
  if (response.ok && isObject(record) && typeof record["updatedAtMs"] === "number") {
    return record["updatedAtMs"];
  }
  const error = isObject(fields["error"]) ? fields["error"] : {};
  const words = [text(error, "message") || `status ${response.status}`, text(error, "hint")];
  throw new RefusedError(`The server refused it: ${words.filter(Boolean).join(". ")}`);
}

function messageOf(error: unknown): string {
  return error instanceof RefusedError
    ? error.message
    : "No response of the server came, so it may be done or not. You see what the server last said.";
}
