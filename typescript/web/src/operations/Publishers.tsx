import type { ViewProps } from "../views";

export function Publishers(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
