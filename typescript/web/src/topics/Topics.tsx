import type { ViewProps } from "../views";

export function Topics(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
