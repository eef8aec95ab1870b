/** Sections of the Lightning view, each with its topic. */

import type { Session } from "../session";

export const SECTIONS = ["paywalls", "deployments", "settlements", "security"] as const;
export type Section = (typeof SECTIONS)[number];

export const LABELS: Readonly<Record<Section, string>> = {
  paywalls: "Paywalls",
  deployments: "Deployments",
  settlements: "Settlements",
  security: "Security",
};

/** The scope of those who may set switches; it is no topic. */
export const OPERATE = "lightning.operate";

export function topicOf(section: Section): string {
  return `lightning.${section}`;
}

/** The sections that the token is for. To follow another topic would end the connection. */
export function allowedSections({ scopes }: Session): readonly Section[] {
  return SECTIONS.filter((each) => scopes.includes(topicOf(each)));
}
