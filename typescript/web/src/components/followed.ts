/** The topics that a view follows. */

import { allowedSections, LABELS, topicOf } from "../lightning/topics";
import type { Place } from "../place";
import type { Session } from "../session";
import { KINDS, NAMES, TOPICS } from "../summary";

export interface Followed {
  readonly id: string;
  readonly label: string;
  readonly topic: string;
}

const SUMMARIES: readonly Followed[] = KINDS.map((kind) => ({
  id: kind,
  label: NAMES[kind],
  topic: TOPICS[kind],
}));

export function topicsOf({ view, section, more }: Place, session: Session): readonly Followed[] {
  switch (view) {
    case "runs":
    case "workers":
      return SUMMARIES;
    case "lightning":
      return allowedSections(session).map((each) => ({
        id: each,
        label: LABELS[each],
        topic: topicOf(each),
      }));
    case "topics":
      return section === "" || more["all"] === "true"
        ? []
        : [{ id: section, label: "This page", topic: section }];
    default:
      return [];
  }
}
