import { useEffect, useState } from "react";

const SHOWN_MS = 1_500;

interface CopyButtonProps {
  readonly text: string | (() => string);
  /** The name for screen readers, and as a tooltip. */
  readonly name: string;
  readonly label?: string;
}

/** Copies a string to the clipboard, and says so. */
export function CopyButton({ text, name, label = "Copy" }: CopyButtonProps) {
  const [result, setResult] = useState("");
  useEffect(() => {
    if (result === "") {
      return undefined;
    }
    const timer = setTimeout(() => setResult(""), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = async () => {
    const value = typeof text === "string" ? text : text();
    setResult((await copied(value)) ? "Copied" : "Not copied");
  };
  return (
    <button
      type="button"
      className="button small copy"
      aria-label={name}
      title={name}
      onClick={() => void copy()}
    >
      <span role="status">{result || label}</span>
    </button>
  );
}

async function copied(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    // Without a secure origin there is no clipboard, and a person may refuse it.
    return false;
  }
}
