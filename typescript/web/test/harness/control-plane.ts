/** The Lightning control plane of the tests' server, as operators and owners call it. */

import { createHash } from "node:crypto";
import { expect, type Page } from "@playwright/test";
import { type Database, ready } from "./server";

export const PREIMAGE = "0f".repeat(32);

export async function mutate(name: string, args: object): Promise<void> {
  const { http, lightning_ops_secret: secret } = ready();
  const response = await fetch(`${http}/api/internal/lightning-ops/control-plane/mutation`, {
    method: "POST",
    body: JSON.stringify({ functionName: `lightning/${name}`, args: { secret, ...args } }),
  });
  expect(response.status, await response.text()).toBe(200);
}

/** Creates a paywall of organisation dev; a second call with the same id changes nothing. */
export async function createPaywall(database: Database, id: string, more: object = {}) {
  const args = { paywallId: id, name: id, policy: { fixedAmountMsats: 1_500_000 }, ...more };
  await database.query(
    "SELECT lightning.create_paywall('dev', $1::jsonb, $2)",
    JSON.stringify(args),
    `made ${id}`,
  );
}

/** Ingests an invoice and its settlement, whose preimage is made of the number. */
export async function settle(paywallId: string, number: number, amountMsats: number) {
  const preimage = createHash("sha256").update(`preimage ${number}`).digest("hex");
  const paymentHash = createHash("sha256").update(Buffer.from(preimage, "hex")).digest("hex");
  const owned = { paywallId, ownerId: "dev", amountMsats, invoiceId: `inv-${number}` };
  await mutate("settlements:ingestInvoiceLifecycle", { ...owned, status: "open", paymentHash });
  await mutate("settlements:ingestSettlement", {
    ...owned,
    settlementId: `set-${number}`,
    paymentProofType: "lightning_preimage",
    paymentProofValue: preimage,
  });
  return preimage;
}

/** Ends the pause and every kill switch. */
export async function openAll(database: Database): Promise<void> {
  await mutate("security:setGlobalPause", { active: false });
  await database.query(
    `SELECT lightning.set_owner_kill_switch(jsonb_build_object('ownerId', owner_id, 'active', false))
     FROM lightning.owner_security_controls WHERE kill_switch`,
  );
}

export async function openLightning(page: Page, place = ""): Promise<void> {
  await page.goto(`${ready().page}#/lightning${place}`);
  for (const topic of ["paywalls", "deployments", "settlements", "security"]) {
    await expect(page.getByTestId(`topic-${topic}`)).toHaveAttribute("data-phase", "live");
  }
}
