import { Ago } from "../components/Ago";

/** How long ago something was; a dash for what never was. */
export function Time({ at }: { readonly at: string | null }) {
  return at === null ? "–" : <Ago at={Date.parse(at)} />;
}
