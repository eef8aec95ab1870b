import type { ViewProps } from "../views";

export function Overview(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
