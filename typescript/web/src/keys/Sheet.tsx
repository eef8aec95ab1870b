import { useEffect, useId, useRef, useSyncExternalStore } from "react";
import { VIEWS } from "../place";
import { LABELS } from "../views";
import { keys, setKeys, VIEW_KEYS } from "./keys";
import "./keys.css";

const KEYS: readonly (readonly [label: string, ...keys: string[]])[] = [
  ["search", "/"],
  ["these keys", "?"],
  ["in a table: move", "↑", "↓", "Page Up", "Page Down", "Home", "End"],
  ["in a table: open", "Enter"],
  ["in a chart: read out another time", "←", "→", "Page Up", "Page Down"],
  ["close what is open", "Escape"],
];

/** All keys, and whether those of one character are on. */
export function Sheet({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const isOn = useSyncExternalStore(keys.subscribe, keys.get);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="dialog sheet" aria-labelledby={title} onClose={onClose}>
      <h2 id={title}>Keys</h2>
      <dl>
        {KEYS.map(([label, ...each]) => (
          <Entry key={label} label={label} keys={each} />
        ))}
        {VIEWS.map((view) => (
          <Entry key={view} label={LABELS[view]} keys={["g", VIEW_KEYS[view]]} isSequence />
        ))}
      </dl>
      <label className="sheet-choice">
        <input type="checkbox" checked={isOn} onChange={(event) => setKeys(event.target.checked)} />
        Keys of one character
      </label>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}

interface EntryProps {
  readonly label: string;
  readonly keys: readonly string[];
  readonly isSequence?: boolean;
}

function Entry({ label, keys: names, isSequence = false }: EntryProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {names.map((name, index) => (
          <span key={name}>
            {isSequence && index > 0 && <span className="quiet">then </span>}
            <kbd>{name}</kbd>{" "}
          </span>
        ))}
      </dd>
    </div>
  );
}
