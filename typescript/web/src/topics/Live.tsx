import type { LiveViewProps } from "../views";

export function LiveDocuments(_: LiveViewProps) {
  return <p className="nothing">Not made yet.</p>;
}
