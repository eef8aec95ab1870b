import { useEffect, useRef } from "react";
import type { Field } from "./fields";

interface ColumnsProps {
  readonly fields: readonly Field[];
  readonly chosen: readonly string[];
  /** Null: those that the table begins with. */
  readonly onChoose: (paths: readonly string[] | null) => void;
}

/** Chooses the fields that a table shows. */
export function Columns({ fields, chosen, onChoose }: ColumnsProps) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: PointerEvent) => {
      const element = details.current;
      if (element !== null && event.target instanceof Node && !element.contains(event.target)) {
        element.open = false;
      }
    };
    addEventListener("pointerdown", close);
    return () => removeEventListener("pointerdown", close);
  }, []);
  return (
    <details
      ref={details}
      className="picker"
      onKeyDown={(event) => {
        if (event.key === "Escape" && details.current !== null) {
          details.current.open = false;
          details.current.querySelector("summary")?.focus();
        }
      }}
    >
      <summary className="button">
        Columns <span className="count">{chosen.length}</span>
      </summary>
      <fieldset className="picker-list">
        <legend className="unseen">Fields that the table shows</legend>
        {fields.length === 0 && <p className="quiet">No document has a scalar field.</p>}
        {fields.map(({ path, share, type }) => (
          <label key={path}>
            <input
              type="checkbox"
              checked={chosen.includes(path)}
              onChange={({ target }) =>
                onChoose(
                  target.checked ? [...chosen, path] : chosen.filter((each) => each !== path),
                )
              }
            />
            <span className="picker-path">{path}</span>
            <span className="quiet">
              {type}
              {share < 1 && `, ${Math.max(1, Math.round(share * 100))} %`}
            </span>
          </label>
        ))}
        <button type="button" className="button small" onClick={() => onChoose(null)}>
          As at first
        </button>
      </fieldset>
    </details>
  );
}
