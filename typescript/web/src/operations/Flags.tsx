import type { ViewProps } from "../views";

export function Flags(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
