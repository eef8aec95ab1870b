import { CopyButton } from "./CopyButton";

const HEADS = {
  out: "Sign in",
  used: "This link does not work any more",
  away: "The server does not respond",
  left: "Signed out",
} as const;

const TEXTS: Readonly<Record<keyof typeof HEADS, string>> = {
  out: "This page opens with a one-time link. Where Khala's database can be reached, run:",
  used: "A link signs in once, within ten minutes. It has been used, or its time is over. Get another:",
  away: "The page could not ask for its session. It is tried again when you reload. To see what the server does:",
  left: "Your session has ended in this browser. To begin another, run:",
};

interface SignedOutProps {
  readonly cause: keyof typeof HEADS;
  readonly reason: string;
}

/** The page when there is no session. */
export function SignedOut({ cause, reason }: SignedOutProps) {
  const command = cause === "away" ? "khala doctor" : "khala page";
  return (
    <main className="signed-out">
      <img src="/icon.svg" alt="" width="40" height="40" />
      <h1>{HEADS[cause]}</h1>
      <p>{TEXTS[cause]}</p>
      <p className="command">
        <code>{command}</code>
        <CopyButton text={command} name="Copy the command" />
      </p>
      {cause === "away" && reason !== "" && <p className="quiet">{reason}</p>}
      <button type="button" className="button" onClick={() => location.reload()}>
        {cause === "away" ? "Try again" : "I am signed in: reload"}
      </button>
    </main>
  );
}
