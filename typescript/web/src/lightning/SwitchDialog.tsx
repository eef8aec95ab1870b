import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import type { Target } from "./switches";

/** A switch that somebody is about to set. target null: an owner who is still to be named. */
export interface Intent {
  readonly target: Target | null;
  readonly active: boolean;
}

interface SwitchDialogProps {
  readonly intent: Intent;
  readonly onConfirm: (target: Target, reason: string) => void;
  readonly onClose: () => void;
}

/** Asks for the reason of a switch, and whether it is meant. */
export function SwitchDialog({ intent, onConfirm, onClose }: SwitchDialogProps) {
  const { target, active } = intent;
  const dialog = useRef<HTMLDialogElement>(null);
  const [owner, setOwner] = useState("");
  const [reason, setReason] = useState("");
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onConfirm(target ?? { ownerId: owner.trim() }, reason.trim());
  };
  const isReady = (target !== null || owner.trim() !== "") && (!active || reason.trim() !== "");
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={title} onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id={title}>{heading(intent)}</h2>
        <p>{consequence(intent)}</p>
        {target === null && (
          <label>
            Owner
            <input
              value={owner}
              maxLength={200}
              autoComplete="off"
              onChange={(event) => setOwner(event.target.value)}
            />
          </label>
        )}
        {active && (
          <label>
            Reason, which owners and payers read
            <input
              value={reason}
              maxLength={2000}
              autoComplete="off"
              onChange={(event) => setReason(event.target.value)}
            />
          </label>
        )}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className={active ? "button danger" : "button primary"}
            disabled={!isReady}
          >
            {actionOf(intent)}
          </button>
        </div>
      </form>
    </dialog>
  );
}

export function actionOf({ target, active }: Intent): string {
  if (target === "gateway") {
    return active ? "Pause the gateway" : "End the pause";
  }
  return active ? "Switch off" : "Switch on again";
}

function heading({ target, active }: Intent): string {
  if (target === "gateway") {
    return active ? "Pause the gateway?" : "End the pause?";
  }
  return `Switch ${target === null ? "an owner" : target.ownerId} ${active ? "off" : "on again"}?`;
}

function consequence({ target, active }: Intent): string {
  const who = target === "gateway" ? "Nobody sells" : "This owner sells";
  if (active) {
    return `${who} ${target === "gateway" ? "anything" : "nothing"} until it is ended.`;
  }
  return target === "gateway"
    ? "Paywalls sell again, except those of owners who are switched off."
    : "The owner's paywalls sell again, unless the gateway is paused.";
}
