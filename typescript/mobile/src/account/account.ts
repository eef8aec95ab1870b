/** The account of this device: where it is signed in, with which key, and as whom. */

import { list, readObject, text } from "../json";

export interface Account {
  /** The relay's WebSocket address. */
  readonly ws: string;
  /** Its HTTP address, without a final slash. */
  readonly http: string;
  readonly key: string;
  readonly org: string;
  readonly subject: string;
  readonly scopes: readonly string[];
}

/** The scope that sending requests to workers takes. */
const OPERATE = "runtime.operate";

export function mayOperate(account: Account): boolean {
  return account.scopes.includes(OPERATE);
}

/** Whether the key is for a topic, or a part of it; another one is not asked for. */
export function mayRead(account: Account, topic: string): boolean {
  return account.scopes.some((scope) => scope === topic || scope.startsWith(`${topic}/`));
}

/** The name of what is stored for the account. */
export function storeName({ http, org, subject }: Account): string {
  // What every file system takes, also one that does not tell capitals from small letters.
  const safe = (part: string) =>
    part.replace(/[^a-z0-9]/gu, (each) => `_${each.codePointAt(0)?.toString(16)}_`);
  return ["khala", http.replace(/^https?:\/\//, ""), org, subject].map(safe).join("-");
}

/** An address as the client takes it; throws an error that says what is wrong with it. */
export function readAddresses(ws: string, http: string): Pick<Account, "ws" | "http"> {
  const socket = ws.trim();
  if (!/^wss?:\/\/[^/?#\s]+/i.test(socket)) {
    const example = "wss://khala.example.com/socket/websocket";
    throw new Error(`Address: “${socket}” is no WebSocket address. Write one such as ${example}.`);
  }
  const origin = socket.replace(/^ws/i, "http").replace(/^(https?:\/\/[^/?#]+).*$/i, "$1");
  const other = http.trim().replace(/\/+$/, "");
  if (other !== "" && !/^https?:\/\/[^/?#\s]+/i.test(other)) {
    throw new Error(
      `HTTP address: “${other}” is none. Write one such as https://khala.example.com, or nothing.`,
    );
  }
  return { ws: socket, http: other || origin };
}

export function writeAccount(account: Account): string {
  return JSON.stringify(account);
}

/** The account in a string that `writeAccount` wrote; null when it is none. */
export function readAccount(written: string | null): Account | null {
  const object = readObject(written ?? "");
  const [ws, http, key] = [text(object, "ws"), text(object, "http"), text(object, "key")];
  const [org, subject] = [text(object, "org"), text(object, "subject")];
  const scopes = list(object, "scopes").filter((each) => typeof each === "string");
  return ws && http && key && org ? { ws, http, key, org, subject, scopes } : null;
}
