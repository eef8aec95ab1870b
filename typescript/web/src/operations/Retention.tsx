import type { ViewProps } from "../views";

export function Retention(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
