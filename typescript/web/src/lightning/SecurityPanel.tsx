import { CredentialRoleName, CredentialRoleStatus } from "khala-client/lightning";
import { useState, useSyncExternalStore } from "react";
import { Ago } from "../components/Ago";
import { nameOf } from "./entries";
import { actionOf, type Intent, SwitchDialog } from "./SwitchDialog";
import type { Security } from "./security";
import { pending, type Switches, type Target } from "./switches";

interface ControlsProps {
  readonly security: Security;
  readonly switches: Switches;
  /** Whether this session may set switches. */
  readonly mayOperate: boolean;
}

/** The pause of the gateway, and a switch that failed: on every section of the view. */
export function PauseBanner({ security: { global }, switches, mayOperate }: ControlsProps) {
  const [intent, setIntent] = useState<Intent | null>(null);
  const sent = useSyncExternalStore(switches.sent.subscribe, switches.sent.get);
  const own = pending(sent, "gateway", global && Number(global.updatedAtMs));
  const isPaused = own?.active ?? global?.globalPause ?? null;
  const reason = own?.reason || global?.denyReason;
  return (
    <>
      <Failed switches={switches} />
      <section
        className={`pause notice ${isPaused ? "bad" : isPaused === null ? "" : "good"}`}
        aria-label="Gateway"
        data-testid="pause"
        data-paused={isPaused}
        data-sending={own !== null}
      >
        <span role="status">
          {isPaused === null && "The operators' organisation sees whether the gateway is paused."}
          {isPaused === false && <strong>The gateway sells.</strong>}
          {isPaused && (
            <>
              <strong>The gateway is paused.</strong> {reason}
            </>
          )}{" "}
          {own !== null ? (
            <span className="quiet">Saving…</span>
          ) : (
            global?.updatedBy && (
              <span className="quiet">
                {isPaused ? "By" : "Pause ended by"} {global.updatedBy},{" "}
                <Ago at={Number(global.updatedAtMs)} />
              </span>
            )
          )}
        </span>
        {isPaused !== null && mayOperate && (
          <button
            type="button"
            className="button"
            disabled={own?.changedAt === null}
            onClick={() => setIntent({ target: "gateway", active: !isPaused })}
          >
            {actionOf({ target: "gateway", active: !isPaused })}…
          </button>
        )}
      </section>
      <Ask intent={intent} switches={switches} onClose={() => setIntent(null)} />
    </>
  );
}

/** Kill switches of owners, and credential roles. */
export function SecuritySection({ security, switches, mayOperate }: ControlsProps) {
  const [intent, setIntent] = useState<Intent | null>(null);
  const sent = useSyncExternalStore(switches.sent.subscribe, switches.sent.get);
  // An owner whose first switch is on its way has no document yet.
  const named = [...sent.values()].flatMap(({ target }) =>
    target === "gateway" || security.owners.some((each) => each.ownerId === target.ownerId)
      ? []
      : [target.ownerId],
  );
  const owners = [...security.owners.map((each) => each.ownerId), ...named];
  return (
    <div className="content security">
      <section className="card" aria-labelledby="owners">
        <div className="card-head">
          <h2 id="owners">Owners' kill switches</h2>
          {mayOperate && (
            <button
              type="button"
              className="button"
              onClick={() => setIntent({ target: null, active: true })}
            >
              Switch an owner off…
            </button>
          )}
        </div>
        {owners.length === 0 && <p className="nothing">No owner has been switched off.</p>}
        <ul className="switches">
          {owners.map((ownerId) => (
            <Owner
              key={ownerId}
              ownerId={ownerId}
              security={security}
              switches={switches}
              onIntent={mayOperate ? setIntent : undefined}
            />
          ))}
        </ul>
        {!mayOperate && (
          <p className="quiet">
            Operators set switches: with a token for <code>lightning.operate</code>.
          </p>
        )}
      </section>
      <section className="card" aria-labelledby="roles">
        <h2 id="roles">Credential roles</h2>
        {security.roles.length === 0 ? (
          <p className="nothing">
            No credential has been rotated yet. The mutation that does:{" "}
            <code>lightning/security:rotateCredentialRole</code>
          </p>
        ) : (
          <ul className="switches">
            {security.roles.map((each) => {
              const role = nameOf(CredentialRoleName, each.role);
              const status = nameOf(CredentialRoleStatus, each.status);
              return (
                <li key={role} data-testid={`role-${role}`}>
                  <span className={`pill ${status}`}>{status}</span>
                  <span className="id">{role}</span>
                  <span className="quiet">
                    version {each.version}
                    {each.note && `, ${each.note}`}, <Ago at={Number(each.updatedAtMs)} />
                  </span>
                </li>
              );
            })}
          </ul>
        )}
      </section>
      <Ask intent={intent} switches={switches} onClose={() => setIntent(null)} />
    </div>
  );
}

interface OwnerProps {
  readonly ownerId: string;
  readonly security: Security;
  readonly switches: Switches;
  readonly onIntent: ((intent: Intent) => void) | undefined;
}

function Owner({ ownerId, security, switches, onIntent }: OwnerProps) {
  const sent = useSyncExternalStore(switches.sent.subscribe, switches.sent.get);
  const control = security.owners.find((each) => each.ownerId === ownerId);
  const own = pending(sent, { ownerId }, control ? Number(control.updatedAtMs) : null);
  const isOff = own?.active ?? control?.killSwitch ?? false;
  return (
    <li data-testid={`owner-${ownerId}`} data-off={isOff} data-sending={own !== null}>
      <span className={`pill ${isOff ? "failed" : "succeeded"}`}>{isOff ? "off" : "on"}</span>
      <span className="id">{ownerId}</span>
      <span className="quiet">
        {isOff && `${own?.reason || control?.denyReason} · `}
        {own !== null
          ? "Saving…"
          : control && (
              <>
                by {control.updatedBy ?? "nobody named"}, <Ago at={Number(control.updatedAtMs)} />
              </>
            )}
      </span>
      {onIntent && (
        <button
          type="button"
          className="button small"
          disabled={own?.changedAt === null}
          onClick={() => onIntent({ target: { ownerId }, active: !isOff })}
        >
          {actionOf({ target: { ownerId }, active: !isOff })}…
        </button>
      )}
    </li>
  );
}

interface AskProps {
  readonly intent: Intent | null;
  readonly switches: Switches;
  readonly onClose: () => void;
}

function Ask({ intent, switches, onClose }: AskProps) {
  if (intent === null) {
    return null;
  }
  const confirm = (target: Target, reason: string) => {
    const idempotencyKey = randomKey();
    void switches.send({ target, active: intent.active, reason, idempotencyKey });
    onClose();
  };
  return <SwitchDialog intent={intent} onConfirm={confirm} onClose={onClose} />;
}

/** Without `crypto.randomUUID`, which pages that are not of a secure origin lack. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(16)).join(
    "-",
  );
}

function Failed({ switches }: { readonly switches: Switches }) {
  const failure = useSyncExternalStore(switches.failure.subscribe, switches.failure.get);
  if (failure === null) {
    return null;
  }
  const { request, message } = failure;
  return (
    <p className="notice bad" role="alert" data-testid="failed">
      <span>
        <strong>“{actionOf(request)}” failed.</strong> {message}
      </span>
      <span className="choices">
        <button type="button" className="button small" onClick={() => void switches.send(request)}>
          Try again
        </button>
        <button type="button" className="button small" onClick={switches.dismiss}>
          Dismiss
        </button>
      </span>
    </p>
  );
}
