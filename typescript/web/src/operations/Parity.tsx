import type { ViewProps } from "../views";

export function Parity(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
