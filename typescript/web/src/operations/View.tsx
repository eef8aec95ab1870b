import type { ReactNode } from "react";
import { type AdminError, useAdmin } from "../admin";
import { Command } from "./Command";
import "./operations.css";

const EVERY_MS = 5_000;

interface ReadProps<T> {
  readonly path: string;
  readonly children: (data: T) => ReactNode;
}

/** What one endpoint of administration returns, shown and read again while the page is visible. */
export function Read<T>({ path, children }: ReadProps<T>) {
  const { data, error } = useAdmin<T>(path, EVERY_MS);
  return (
    <div className="operations">
      <Unread error={error} hasData={data !== null} />
      {data !== null && children(data)}
    </div>
  );
}

interface UnreadProps {
  readonly error: AdminError | null;
  readonly hasData: boolean;
}

/** Why there is nothing newer. */
export function Unread({ error, hasData }: UnreadProps) {
  if (error?.status === 403) {
    return <OfTheWhole />;
  }
  if (error !== null) {
    return (
      <p className="notice warning" role="alert">
        <span>
          <strong>{hasData ? "Not up to date." : "It cannot be read."}</strong> {error.message}
        </span>
      </p>
    );
  }
  return hasData ? null : <p className="nothing">Reading…</p>;
}

/** Instead of what a session for some organisations does not see. */
export function OfTheWhole() {
  return (
    <Empty command="khala page">
      This belongs to the whole installation, and your session is for some organisations. Sign in
      for all:
    </Empty>
  );
}

interface EmptyProps {
  readonly children: ReactNode;
  readonly command: string;
}

/** What to do where there is nothing. */
export function Empty({ children, command }: EmptyProps) {
  return (
    <div className="card empty">
      <p>{children}</p>
      <Command>{command}</Command>
    </div>
  );
}

interface CommandsProps {
  readonly commands: readonly (readonly [what: string, command: string])[];
}

/** What may be done, and the command for each. */
export function Commands({ commands }: CommandsProps) {
  return (
    <dl className="commands">
      {commands.map(([what, command]) => (
        <div key={command}>
          <dt>{what}</dt>
          <dd>
            <Command>{command}</Command>
          </dd>
        </div>
      ))}
    </dl>
  );
}
