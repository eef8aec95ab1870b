/** The views of the page: names, groups, and the code of each, which is loaded when it is opened. */

import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { Lane } from "./lanes/lane";
import type { Place, ViewName } from "./place";
import type { Session } from "./session";

export interface ViewProps {
  readonly place: Place;
  readonly session: Session;
  /** The organisation whose documents are shown. */
  readonly organisation: string;
  /** Null: no view has followed documents yet. */
  readonly lane: Lane | null;
}

/** A view that shows documents as they change. */
export interface LiveViewProps extends ViewProps {
  readonly lane: Lane;
}

export const LABELS: Readonly<Record<ViewName, string>> = {
  overview: "Overview",
  topics: "Topics",
  runs: "Runs",
  workers: "Workers",
  lightning: "Lightning",
  relays: "Relays",
  retention: "Retention",
  publishers: "Publishers",
  parity: "Parity",
  flags: "Flags",
};

export const GROUPS: readonly (readonly [label: string, views: readonly ViewName[]])[] = [
  ["Khala", ["overview", "topics"]],
  ["Work", ["runs", "workers", "lightning"]],
  ["Operations", ["relays", "retention", "publishers", "parity", "flags"]],
];

type View<P> = LazyExoticComponent<ComponentType<P>>;

const Summaries = lazy(async () => ({ default: (await import("./runs/Summaries")).Summaries }));

const LIVE = {
  documents: lazy(async () => ({ default: (await import("./topics/Live")).LiveDocuments })),
  runs: Summaries,
  workers: Summaries,
  lightning: lazy(async () => ({ default: (await import("./lightning/Lightning")).Lightning })),
} satisfies Readonly<Record<string, View<LiveViewProps>>>;

const READ = {
  overview: lazy(async () => ({ default: (await import("./overview/Overview")).Overview })),
  topics: lazy(async () => ({ default: (await import("./topics/Topics")).Topics })),
  everybody: lazy(async () => ({ default: (await import("./topics/Everybody")).Everybody })),
  relays: lazy(async () => ({ default: (await import("./operations/Relays")).Relays })),
  retention: lazy(async () => ({ default: (await import("./operations/Retention")).Retention })),
  publishers: lazy(async () => ({ default: (await import("./operations/Publishers")).Publishers })),
  parity: lazy(async () => ({ default: (await import("./operations/Parity")).Parity })),
  flags: lazy(async () => ({ default: (await import("./operations/Flags")).Flags })),
} satisfies Readonly<Record<string, View<ViewProps>>>;

/** The view of a place: one that follows topics, or one that reads. */
export function viewOf({
  view,
  section,
  more,
}: Place): { readonly live: View<LiveViewProps> } | { readonly read: View<ViewProps> } {
  switch (view) {
    case "topics":
      if (section === "") {
        return { read: READ.topics };
      }
      return more["all"] === "true" ? { read: READ.everybody } : { live: LIVE.documents };
    case "runs":
    case "workers":
    case "lightning":
      return { live: LIVE[view] };
    default:
      return { read: READ[view] };
  }
}
