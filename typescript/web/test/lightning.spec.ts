/** The Lightning view: live, and its two switches, seen by others. */

import type { BrowserContext, Page } from "@playwright/test";
import {
  createPaywall,
  mutate,
  openAll,
  openLightning,
  PREIMAGE,
  settle,
} from "./harness/control-plane";
import { expect, SESSION, test } from "./harness/fixtures";
import { ready } from "./harness/server";

/** An entry's row, by its id. */
function entry(page: Page, id: string) {
  return page.getByTestId("table").locator(".row", { has: page.getByText(id, { exact: true }) });
}

function section(page: Page, name: string) {
  return page.getByRole("navigation", { name: "Lightning" }).getByRole("button", { name });
}

test("where there is nothing, it says which command changes that", async ({
  page,
  database: _,
}) => {
  await openLightning(page);
  await expect(page.getByText("No paywalls yet.")).toContainText("/api/lightning/paywalls");
  await section(page, "Deployments").click();
  await expect(page.getByText("Nothing has been deployed yet.")).toContainText(
    "khala lightning reconcile",
  );
  await section(page, "Settlements").click();
  await expect(page.getByText("No invoices")).toContainText(
    "khala lightning settlements ingest settled.jsonl",
  );
  await section(page, "Security").click();
  await expect(page.getByText("No owner has been switched off.")).toBeVisible();
  await expect(page.getByText("No credential has been rotated yet.")).toBeVisible();
  await expect(page.getByTestId("pause")).toContainText("The gateway sells.");
});

test("paywalls, deployments and settlements, as they change", async ({ page, database }) => {
  await openLightning(page);
  await createPaywall(database, "pw_news", {
    name: "News",
    policy: { fixedAmountMsats: 1_500_500, quotaPerMinute: 60, blockedHosts: ["evil.example"] },
    routes: [
      {
        routeId: "rt_news",
        hostPattern: "news.example",
        pathPattern: "/v1/*",
        upstreamUrl: "https://user:hunter2@upstream.example/api?key=hunter3",
        protocol: "https",
        priority: 10,
      },
    ],
  });
  await expect(entry(page, "pw_news")).toContainText("1,500.5 sats");
  await expect(entry(page, "pw_news")).toContainText("news.example/v1/*");
  await expect(entry(page, "pw_news").locator("time")).toHaveText(/just now|\d+ s ago/);
  await entry(page, "pw_news").click();
  const details = page.getByTestId("details");
  await expect(details).toContainText("60 a minute");
  await expect(details).toContainText("evil.example");
  await expect(details.getByTestId("routes")).toContainText("rt_news");
  await expect(details.getByTestId("routes")).toContainText("upstream.example/api?…");
  await database.query("SELECT lightning.set_paywall_status('dev', 'pw_news', 'paused')");
  await expect(entry(page, "pw_news").locator(".pill")).toHaveText("paused");
  await expect(details.locator(".pill")).toHaveText("paused");

  await section(page, "Deployments").click();
  const deployment = { deploymentId: "dep-1", configHash: `cfg_${"a".repeat(64)}` };
  await mutate("ops:recordGatewayCompileIntent", { ...deployment, status: "pending" });
  await expect(entry(page, "dep-1").locator(".pill")).toHaveText("pending");
  await entry(page, "dep-1").click();
  await mutate("ops:recordGatewayDeploymentEvent", {
    ...deployment,
    paywallId: "pw_news",
    ownerId: "dev",
    eventType: "health_checked",
    level: "info",
    executionPath: "test",
  });
  await expect(details.getByTestId("steps")).toContainText("health_checked");
  await mutate("ops:recordGatewayCompileIntent", { ...deployment, status: "applied" });
  await expect(entry(page, "dep-1").locator(".pill")).toHaveText("applied");

  await section(page, "Settlements").click();
  const preimage = await settle("pw_news", 1, 1000);
  await expect(entry(page, "set-1")).toContainText("1 sat");
  await expect(entry(page, "set-1")).toContainText("inv-1");
  await entry(page, "set-1").click();
  await expect(page.locator(".earned")).toHaveText("1 sat settled");
  await expect(page.locator(".row")).toHaveCount(1);
  const shown = (await page.locator("body").textContent()) ?? "";
  const { token, lightning_ops_secret: secret } = ready();
  for (const hidden of [preimage.slice(0, 24), PREIMAGE.slice(0, 24), "hunter", token, secret]) {
    expect(shown).not.toContain(hidden);
  }
});

test("a link leads to an entry, and a reload stays there", async ({ page, database }) => {
  await createPaywall(database, "pw_link");
  for (let number = 100; number < 150; number++) {
    await settle("pw_link", number, number * 1000);
  }
  await openLightning(page, "/settlements?search=set-1&sort=amount&open=settlement%2Fset-120");
  const details = page.getByTestId("details");
  const table = page.getByTestId("table");
  await expect(details).toContainText("120 sats");
  await expect(table.locator(".row").first()).toContainText("1 sat");
  await table.evaluate((element) => {
    element.scrollTop = 600;
  });
  await expect
    .poll(() => table.locator(".row").first().getAttribute("aria-rowindex"))
    .not.toBe("2");
  await page.reload();
  await expect(details).toContainText("120 sats");
  await expect(page.getByRole("searchbox")).toHaveValue("set-1");
  await expect(page.getByRole("columnheader", { name: "Amount" })).toHaveAttribute(
    "aria-sort",
    "ascending",
  );
  expect(await table.evaluate((element) => element.scrollTop)).toBe(600);
  await section(page, "Security").click();
  await expect(page).toHaveURL(/#\/lightning\/security$/);
  await page.goBack();
  await expect(details).toContainText("120 sats");
});

/** Remembers when an element that matches appeared. */
function watchFor(page: Page, selector: string): Promise<void> {
  return page.evaluate((wanted) => {
    Reflect.set(window, "seenAt", null);
    const observer = new MutationObserver(() => {
      if (document.querySelector(wanted) !== null) {
        Reflect.set(window, "seenAt", Date.now());
        observer.disconnect();
      }
    });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true });
  }, selector);
}

async function seenAt(page: Page): Promise<number> {
  await expect.poll(() => page.evaluate(() => Reflect.get(window, "seenAt"))).not.toBeNull();
  return page.evaluate(() => Reflect.get(window, "seenAt"));
}

async function secondBrowser(context: BrowserContext): Promise<Page> {
  const browser = context.browser();
  if (browser === null) {
    throw new Error("the context has no browser");
  }
  return (await browser.newContext()).newPage();
}

async function confirm(page: Page, reason: string, action: string): Promise<number> {
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: action })).toBeDisabled();
  await dialog.getByLabel("Reason").fill(reason);
  const at = await page.evaluate(() => Date.now());
  await dialog.getByRole("button", { name: action }).click();
  await expect(dialog).toHaveCount(0);
  return at;
}

test("a pause is seen in another browser within a second", async ({ page, context, database }) => {
  await openAll(database);
  const other = await secondBrowser(context);
  await openLightning(page);
  await openLightning(other);
  const took: number[] = [];
  // The fastest of three: what else runs on the machine only makes it slower.
  for (const round of [1, 2, 3]) {
    await watchFor(other, "[data-testid=pause][data-paused=true]");
    await page.getByRole("button", { name: "Pause the gateway…" }).click();
    const reason = `moving the node ${round}`;
    const at = await confirm(page, reason, "Pause the gateway");
    took.push((await seenAt(other)) - at);
    await expect(other.getByTestId("pause")).toContainText(`The gateway is paused. ${reason}`);
    await expect(other.getByTestId("pause")).toContainText("By dev");
    await expect(page.getByTestId("pause")).toHaveAttribute("data-sending", "false");
    await other.getByRole("button", { name: "End the pause…" }).click();
    await other.getByRole("dialog").getByRole("button", { name: "End the pause" }).click();
    await expect(page.getByTestId("pause")).toHaveAttribute("data-paused", "false");
    await expect(other.getByTestId("pause")).toHaveAttribute("data-sending", "false");
  }
  console.log(`  from the confirmation to the other browser: ${took.join(", ")} ms`);
  expect(Math.min(...took)).toBeLessThan(1_000);
  await other.context().close();
});

test("a kill switch is seen in another browser within a second", async ({
  page,
  context,
  database,
}) => {
  await openAll(database);
  const other = await secondBrowser(context);
  await openLightning(page, "/security");
  await openLightning(other, "/security");
  await watchFor(other, "[data-testid=owner-mallory][data-off=true]");
  await page.getByRole("button", { name: "Switch an owner off…" }).click();
  await page.getByRole("dialog").getByLabel("Owner", { exact: true }).fill("mallory");
  const at = await confirm(page, "sells what is not hers", "Switch off");
  const took = [(await seenAt(other)) - at];
  const mallory = other.getByTestId("owner-mallory");
  await expect(mallory).toContainText("sells what is not hers");
  for (const _ of [2, 3]) {
    await mallory.getByRole("button", { name: "Switch on again…" }).click();
    await other.getByRole("dialog").getByRole("button", { name: "Switch on again" }).click();
    const own = page.getByTestId("owner-mallory");
    await expect(own).toHaveAttribute("data-off", "false");
    await watchFor(other, "[data-testid=owner-mallory][data-off=true]");
    await own.getByRole("button", { name: "Switch off…" }).click();
    took.push(-(await confirm(page, "again", "Switch off")) + (await seenAt(other)));
    await expect(mallory).toHaveAttribute("data-sending", "false");
  }
  console.log(`  from the confirmation to the other browser: ${took.join(", ")} ms`);
  expect(Math.min(...took)).toBeLessThan(1_000);
  await page.reload();
  await expect(page.getByTestId("owner-mallory")).toHaveAttribute("data-off", "true");
  await expect(section(page, "Security")).toHaveAttribute("aria-current", "page");
  await other.context().close();
});

test("a switch that fails goes back, and says why", async ({ page, database }) => {
  await openAll(database);
  await openLightning(page);
  let answer: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route("**/api/lightning/security/pause", async (route) => {
    await held;
    await route.fulfill({
      status: 403,
      json: { error: { code: "forbidden_organisation", message: "dev does not operate it" } },
    });
  });
  const pause = page.getByTestId("pause");
  await page.getByRole("button", { name: "Pause the gateway…" }).click();
  await confirm(page, "for a test", "Pause the gateway");
  await expect(pause, "shown before the server has it").toHaveAttribute("data-paused", "true");
  await expect(pause).toContainText("Saving…");
  answer();
  await expect(pause).toHaveAttribute("data-paused", "false");
  const failed = page.getByTestId("failed");
  await expect(failed).toContainText("dev does not operate it");

  await page.unroute("**/api/lightning/security/pause");
  await page.route("**/api/lightning/security/pause", (route) => route.abort());
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(failed).toContainText("No response of the server came");
  await expect(pause).toHaveAttribute("data-paused", "false");
  await page.unroute("**/api/lightning/security/pause");
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(failed).toHaveCount(0);
  await expect(pause).toHaveAttribute("data-sending", "false");
  await expect(pause).toContainText("The gateway is paused. for a test");
  await openAll(database);
  await expect(pause).toHaveAttribute("data-paused", "false");
});

test("a token that is for less shows less", async ({ page, context, database: _ }) => {
  await context.route(SESSION, async (route) => {
    const session = await (await fetch(route.request().url())).json();
    // Only the page reads it: nothing below is sent to the server with it.
    const scopes = session.scopes.filter((name: string) => !/lightning/.test(name));
    await route.fulfill({ json: { ...session, scopes } });
  });
  await page.goto(`${ready().page}#/lightning/settlements`);
  await expect(page.getByText("Your token is not for lightning.settlements")).toBeVisible();
  await expect(page.getByTestId("pause").getByRole("button")).toHaveCount(0);
  await context.unrouteAll({ behavior: "ignoreErrors" });
});

test("Lightning with the keyboard alone, at the width of a phone", async ({ page, database }) => {
  await openAll(database);
  await createPaywall(database, "pw_keys");
  await settle("pw_keys", 900, 21_000_000_000);
  await page.setViewportSize({ width: 360, height: 740 });
  await openLightning(page, "/settlements");
  const overflow = () =>
    page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  await expect(entry(page, "set-900")).toContainText("21,000,000 sats");
  expect(await overflow()).toBe(0);
  const focused = (name: string) =>
    page.evaluate((wanted) => {
      const { activeElement: element } = document;
      return element instanceof HTMLButtonElement && element.textContent === wanted;
    }, name);
  for (let tabs = 0; tabs < 20 && !(await focused("Pause the gateway…")); tabs++) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Reason")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Pause the gateway…" })).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.type("by hand");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("pause")).toContainText("by hand");
  expect(await overflow()).toBe(0);
  await page.getByRole("grid").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("details")).toBeFocused();
  expect(await overflow()).toBe(0);
  await page.keyboard.press("Escape");
  await section(page, "Security").click();
  await expect(page.getByRole("heading", { name: "Credential roles" })).toBeVisible();
  expect(await overflow()).toBe(0);
  await openAll(database);
});
