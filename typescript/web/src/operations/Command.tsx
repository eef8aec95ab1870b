import { Fragment } from "react";
import { CopyButton } from "../components/CopyButton";

/** A command to run in a shell, and a button that copies it. */
export function Command({ children }: { readonly children: string }) {
  return (
    <span className="to-run">
      <code>
        {children.split(" ").map((word, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a word may stand in it twice
          <Fragment key={index}>
            {index > 0 && " "}
            <span className="word">{word}</span>
          </Fragment>
        ))}
      </code>
      <CopyButton text={children} name={`Copy: ${children}`} />
    </span>
  );
}

/** A word as a shell reads it as one. */
export function quoted(word: string): string {
  return /^[\w.@:/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
