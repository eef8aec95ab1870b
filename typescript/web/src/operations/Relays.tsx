import type { ViewProps } from "../views";

export function Relays(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
