/** The connection as a topic sees it. */

import type { OnReply } from "../wire/channel.js";
import type { Supply } from "./hydrate.js";

/** A joined connection. */
export interface Link extends Omit<Supply, "signal"> {
  /** The organisation whose documents of a topic it shows, and what narrows them. */
  readerOf(topic: string): string;
  push(event: string, payload: object, onReply?: OnReply): void;
  /** A topic has reached the server's head. */
  onLive(): void;
}

/** From a start to a stop. */
export interface Run extends Link, Supply {
  readonly stop: () => void;
}
