import type { ViewProps } from "../views";

export function Everybody(_: ViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
