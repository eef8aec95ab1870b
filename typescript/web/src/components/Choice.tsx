import { useId } from "react";

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  /** Undefined: it cannot be chosen, for the reason in `note`. */
  readonly onChange: ((value: T) => void) | undefined;
  readonly note?: string;
}

/** One of a few, side by side: radio buttons, so arrow keys work. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
  note,
}: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="choice" disabled={onChange === undefined} title={onChange ? "" : note}>
      <legend className="unseen">{label}</legend>
      {options.map(([option, text]) => (
        <label key={option} className={option === value ? "chosen" : ""}>
          <input
            type="radio"
            name={name}
            checked={option === value}
            onChange={() => onChange?.(option)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
