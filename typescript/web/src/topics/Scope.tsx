import { Choice } from "../components/Choice";
import { go, type Place } from "../place";

interface ScopeProps {
  readonly organisation: string;
  readonly place: Place;
}

/** Whose documents are shown: one organisation's as they change, or everybody's as they are read. */
export function Scope({ organisation, place }: ScopeProps) {
  const isAll = place.more["all"] === "true";
  return (
    <Choice
      label="Whose documents"
      value={isAll ? "all" : "one"}
      options={[
        ["one", `${organisation}, live`],
        ["all", "All organisations"],
      ]}
      onChange={(next) => {
        const { all: _, ...rest } = place.more;
        go({ more: next === "all" ? { ...rest, all: "true" } : rest }, true);
      }}
    />
  );
}
