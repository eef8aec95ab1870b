/** Documents of the control plane as entries of the page's tables. */

import type { KhalaDocument } from "khala-client";
import {
  DeploymentIntentSchema,
  DeploymentStatus,
  GatewayEventLevel,
  GatewayEventSchema,
  InvoiceSchema,
  InvoiceStatus,
  type PaywallPolicy,
  PaywallSchema,
  PaywallStatus,
  readRecord,
  SettlementSchema,
} from "khala-client/lightning";
import type { Reading } from "../rows";
import { text } from "../summary";
import { sats, shownAddress } from "./words";

export interface Fact {
  readonly name: string;
  readonly value: string;
  /** Shown as how long ago, in milliseconds since 1970; `value` is empty then. */
  readonly at?: number;
}

export interface Route {
  readonly id: string;
  readonly priority: number;
  readonly request: string;
  readonly upstream: string;
  readonly timeoutMs: number;
}

/** A row, and what its details show. */
export interface Entry {
  readonly key: string;
  readonly version: bigint;
  readonly status: string;
  readonly id: string;
  readonly title: string;
  /** What it concerns, in a few words. */
  readonly about: string;
  readonly msats: bigint | null;
  readonly changedAt: number;
  readonly facts: readonly Fact[];
  readonly routes: readonly Route[];
}

/** A step of a deployment. */
export interface Step {
  readonly key: string;
  readonly type: string;
  readonly level: string;
  readonly paywallId: string;
  readonly at: number;
}

const known = new WeakMap<KhalaDocument, Entry>();

/** The entry of a document; the same object until the document changes. */
function entry(document: KhalaDocument, read: (document: KhalaDocument) => Entry): Entry {
  let found = known.get(document);
  if (found === undefined) {
    found = read(document);
    known.set(document, found);
  }
  return found;
}

export function paywalls(documents: readonly KhalaDocument[]): readonly Entry[] {
  return documents.map((document) => entry(document, paywall));
}

export function deployments(documents: readonly KhalaDocument[]): readonly Entry[] {
  return documents
    .filter(({ docKey }) => docKey.startsWith("deployment/"))
    .map((document) => entry(document, deployment));
}

/** Settlements, and the invoices that are not settled: one that is has its settlement. */
export function settlements(documents: readonly KhalaDocument[]): readonly Entry[] {
  return documents
    .map((document) =>
      entry(document, document.docKey.startsWith("invoice/") ? invoice : settlement),
    )
    .filter(({ key, status }) => key.startsWith("settlement/") || status !== "settled");
}

/** The steps of a deployment, the newest first. */
export function stepsOf(documents: readonly KhalaDocument[], deploymentId: string): Step[] {
  return documents
    .filter(
      ({ docKey, payload }) =>
        docKey.startsWith("event/") && text(payload, "deploymentId") === deploymentId,
    )
    .map(({ docKey, payload }) => {
      const event = readRecord(GatewayEventSchema, payload);
      return {
        key: docKey,
        type: event.eventType,
        level: nameOf(GatewayEventLevel, event.level),
        paywallId: event.paywallId,
        at: Number(event.createdAtMs),
      };
    })
    .sort((a, b) => b.at - a.at);
}

export const ENTRIES: Reading<Entry> = {
  key: ({ key }) => key,
  status: ({ status }) => status,
  searchable: ({ key, status, title, about }) =>
    [key, status, title, about].join("\n").toLowerCase(),
  sortKey: ({ id, status, msats, changedAt }, column) => {
    switch (column) {
      case "name":
        return id;
      case "status":
        return status;
      case "amount":
        return Number(msats ?? 0n);
      default:
        return changedAt;
    }
  },
};

/** The value of an enum by its name on the API. */
export function nameOf(values: Readonly<Record<number, string>>, value: number): string {
  const name = values[value] ?? "";
  return value === 0 || name === "" ? "unknown" : name.toLowerCase();
}

function paywall({ docKey, docVersion, payload }: KhalaDocument): Entry {
  const record = readRecord(PaywallSchema, payload);
  const { policy, routes } = record;
  const [first] = routes;
  const more = routes.length > 1 ? ` and ${routes.length - 1} more` : "";
  return {
    key: docKey,
    version: docVersion,
    status: nameOf(PaywallStatus, record.status),
    id: record.paywallId,
    title: record.name,
    about: first === undefined ? "no routes" : first.hostPattern + first.pathPattern + more,
    msats: policy?.fixedAmountMsats ?? null,
    changedAt: Number(record.updatedAtMs),
    facts: facts([
      ["Name", record.name],
      ["Description", record.description],
      ["Owner", record.ownerId],
      ...(policy === undefined ? [] : policyFacts(policy)),
      ["Created", "", record.createdAtMs],
      ["Changed", "", record.updatedAtMs],
    ]),
    routes: routes.map((route) => ({
      id: route.routeId,
      priority: route.priority,
      request: route.hostPattern + route.pathPattern,
      upstream: shownAddress(route.upstreamUrl),
      timeoutMs: route.timeoutMs || 15_000,
    })),
  };
}

function policyFacts(policy: PaywallPolicy): readonly GivenFact[] {
  const { fixedAmountMsats, maxPerRequestMsats, quotaPerMinute, quotaPerDay } = policy;
  return [
    ["Price", fixedAmountMsats === undefined ? "none" : `${sats(fixedAmountMsats)} a request`],
    ["At most", maxPerRequestMsats && `${sats(maxPerRequestMsats)} a request`],
    ["Quota", quotaPerMinute && `${quotaPerMinute} a minute`],
    ["Daily quota", quotaPerDay && `${quotaPerDay} a day`],
    ["Only hosts", policy.allowedHosts.join(", ")],
    ["Not hosts", policy.blockedHosts.join(", ")],
    ["Kill switch", policy.killSwitch ? "on: its owner sells nothing here" : "off"],
  ];
}

function deployment({ docKey, docVersion, payload }: KhalaDocument): Entry {
  const record = readRecord(DeploymentIntentSchema, payload);
  return {
    key: docKey,
    version: docVersion,
    status: nameOf(DeploymentStatus, record.status),
    id: record.deploymentId,
    title: record.configHash.slice(0, 16),
    about: record.paywallId ?? "all paywalls",
    msats: null,
    changedAt: Number(record.updatedAtMs),
    facts: facts([
      ["Configuration", record.configHash],
      ["Image", record.imageDigest],
      ["Paywall", record.paywallId],
      ["Owner", record.ownerId],
      ["Rolled back from", record.rolledBackFrom],
      ["Applied", "", record.appliedAtMs],
      ["Created", "", record.createdAtMs],
      ["Changed", "", record.updatedAtMs],
    ]),
    routes: [],
  };
}

function settlement({ docKey, docVersion, payload }: KhalaDocument): Entry {
  const record = readRecord(SettlementSchema, payload);
  return {
    key: docKey,
    version: docVersion,
    status: "settled",
    id: record.settlementId,
    title: "",
    about: record.paywallId + (record.invoiceId === undefined ? "" : ` · ${record.invoiceId}`),
    msats: record.amountMsats,
    changedAt: Number(record.createdAtMs),
    facts: facts([
      ["Amount", sats(record.amountMsats)],
      ["Paywall", record.paywallId],
      ["Owner", record.ownerId],
      ["Invoice", record.invoiceId],
      ["Request", record.requestId],
      ["Settled", "", record.createdAtMs],
    ]),
    routes: [],
  };
}

function invoice({ docKey, docVersion, payload }: KhalaDocument): Entry {
  const record = readRecord(InvoiceSchema, payload);
  return {
    key: docKey,
    version: docVersion,
    status: nameOf(InvoiceStatus, record.status),
    id: record.invoiceId,
    title: "invoice",
    about: record.paywallId,
    msats: record.amountMsats,
    changedAt: Number(record.updatedAtMs),
    facts: facts([
      ["Amount", sats(record.amountMsats)],
      ["Paywall", record.paywallId],
      ["Owner", record.ownerId],
      ["Payment hash", record.paymentHash],
      ["Request", record.requestId],
      ["Created", "", record.createdAtMs],
      ["Changed", "", record.updatedAtMs],
    ]),
    routes: [],
  };
}

type GivenFact = readonly [
  name: string,
  value: string | number | bigint | undefined,
  at?: bigint | undefined,
];

function facts(given: readonly GivenFact[]): readonly Fact[] {
  return given.flatMap(([name, value, at]) => {
    if (at !== undefined) {
      return [{ name, value: "", at: Number(at) }];
    }
    return value ? [{ name, value: String(value) }] : [];
  });
}
