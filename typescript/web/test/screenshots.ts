/** Takes the pictures of docs/: `make screenshots`. */

import type { Page } from "@playwright/test";
import { createPaywall, mutate, openLightning, settle } from "./harness/control-plane";
import { isLive, open, row, test } from "./harness/fixtures";
import { prepareOperations } from "./harness/operations";
import { type Database, type Event, ready } from "./harness/server";

const NOW = "2026-03-02T10:24:00Z";
const PICTURES = "../../docs/screenshots";

// Dates and times look the same wherever they are taken.
test.use({ locale: "en-GB", timezoneId: "UTC" });

test("screenshots", async ({ page, database, cable, context }) => {
  test.setTimeout(60_000);
  await page.clock.setFixedTime(new Date(NOW));
  await prepare(database);
  await page.emulateMedia({ colorScheme: "light" });
  await open(page);
  await row(page, "nightly-build").click();
  const versions = page.getByTestId("timeline").getByRole("listitem");
  for (const [seq, line] of [
    [4, "[212/340] cc relay.o"],
    [5, "[305/340] cc snapshot.o"],
    [6, "[340/340] ld khala"],
  ] as const) {
    await database.ingest([progress(seq, line)]);
    await versions.nth(seq - 3).waitFor();
  }
  await picture(page, "light");

  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, "phone-details");
  await page.getByRole("button", { name: "Close" }).click();
  await picture(page, "phone");

  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "dark" });
  await context.setOffline(true);
  cable.pull();
  await page.getByTestId("away").waitFor();
  await database.ingest([progress(7, "packing khala.tar.zst")]);
  await database.purge();
  cable.plug();
  await context.setOffline(false);
  await page.locator("[data-recovered=true]").waitFor();
  await isLive(page);
  await picture(page, "dark");
});

test("screenshots of Lightning", async ({ page, database }) => {
  const routes = (host: string, priority: number) => [
    {
      hostPattern: host,
      pathPattern: "/v1/*",
      upstreamUrl: `https://origin.${host}/api`,
      protocol: "https",
      priority,
    },
  ];
  await createPaywall(database, "pw_news", { name: "News", routes: routes("news.example", 10) });
  await createPaywall(database, "pw_weather", {
    name: "Weather",
    policy: { fixedAmountMsats: 21_000, quotaPerMinute: 60 },
    routes: routes("weather.example", 20),
  });
  for (let number = 201; number <= 209; number++) {
    const isNews = number % 3 === 0;
    await settle(isNews ? "pw_news" : "pw_weather", number, isNews ? 1_500_000 : 21_000);
  }
  await mutate("settlements:ingestInvoiceLifecycle", {
    invoiceId: "inv-210",
    paywallId: "pw_weather",
    ownerId: "dev",
    amountMsats: 21_000,
    status: "open",
  });
  await page.clock.setFixedTime(Date.now() + 127_000);
  await page.emulateMedia({ colorScheme: "light" });
  await openLightning(page, "/settlements?open=settlement%2Fset-207");
  await picture(page, "lightning");
  await mutate("security:setOwnerKillSwitch", {
    ownerId: "mallory",
    active: true,
    reason: "Sells what is not hers.",
    updatedBy: "ann",
  });
  await mutate("security:rotateCredentialRole", { role: "gateway_invoice" });
  await mutate("security:activateCredentialRole", { role: "gateway_invoice" });
  await mutate("security:rotateCredentialRole", { role: "operator_admin", note: "new laptop" });
  await mutate("security:setGlobalPause", {
    active: true,
    reason: "The node is being moved.",
    updatedBy: "ann",
  });
  await page.emulateMedia({ colorScheme: "dark" });
  await openLightning(page, "/security");
  await page.getByTestId("owner-mallory").waitFor();
  await page.locator("[data-paused=true]").waitFor();
  await picture(page, "lightning-security");
  await page.setViewportSize({ width: 390, height: 844 });
  await openLightning(page, "/paywalls");
  await page.getByText("pw_weather").waitFor();
  await picture(page, "lightning-phone");
});

test("screenshots of the overview and of operations", async ({ page, database }) => {
  await prepareOperations(database);
  await pretendActivity(database);
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${ready().page}#/overview`);
  await page.getByTestId("tile-Relays live").getByText("1", { exact: true }).waitFor();
  const plot = page.getByTestId("chart-Writes").getByRole("slider");
  const box = await plot.boundingBox();
  await plot.hover({ position: { x: (box?.width ?? 0) * 0.72, y: 80 } });
  await page.screenshot({ path: `${PICTURES}/overview.png` });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${ready().page}#/publishers`);
  await page.getByText("HTTP 422").first().waitFor();
  await picture(page, "publishers");
});

test("screenshots of topics", async ({ page, database }) => {
  test.setTimeout(60_000);
  await page.clock.setFixedTime(Date.now() + 127_000);
  await prepare(database);
  for (let seq = 4; seq <= 9; seq++) {
    await database.ingest([progress(seq, `[${seq * 36}/340] cc feed.o`)]);
  }
  const place = `${ready().page}#/topics/runtime.run_summaries`;
  const open = `?open=${encodeURIComponent("runtime/run_summary:nightly-build")}`;
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(place);
  await page.getByText("docs-311").first().waitFor();
  await page.locator(".row time").first().waitFor();
  await picture(page, "topic");
  await page.goto(`${place}${open}&tab=history`);
  await page.getByTestId("versions").locator('[data-version="8"] a').click();
  await page.getByTestId("difference").waitFor();
  await picture(page, "history");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${place}${open}`);
  await page.getByTestId("tree").getByText("progress:").click();
  await picture(page, "document");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${ready().page}#/topics`);
  await page.getByText("lightning.security").waitFor();
  await picture(page, "topics-phone");
});

/** An hour of activity, as relays would have reported it; for some minutes none did. */
async function pretendActivity(database: Database) {
  await database.query(`
    INSERT INTO runtime.activity (at, topic, writes, connections, sent_bytes, lag)
    SELECT date_bin('10 seconds', now(), 'epoch') - n * interval '10 seconds', '',
      round(120 + 80 * sin(n / 30.0) + 30 * sin(n * n)), round(40 + 8 * sin(n / 50.0)),
      round(900000 + 500000 * sin(n / 30.0) + 90000 * sin(n * n)),
      jsonb_build_object('0.005', round(90 + 9 * sin(n)), '0.01', 8, '0.05', 1 + n % 4)
    FROM generate_series(0, 359) AS n
    WHERE n NOT BETWEEN 200 AND 230
    ON CONFLICT DO NOTHING`);
}

async function picture(page: Page, name: string) {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

async function prepare(database: Database) {
  const runs: readonly (readonly [string, string, string, object, number])[] = [
    ["nightly-build", "Nightly build", "progress", { last_line: "[96/340] cc feed.o" }, 3],
    ["migrate-prod", "Migrate production", "waiting", {}, 9],
    ["unit-tests-4127", "Unit tests", "finished", { exit_code: 0 }, 14],
    ["unit-tests-4126", "Unit tests", "finished", { exit_code: 1 }, 21],
    ["lint-882", "Lint", "finished", { exit_code: 0 }, 26],
    ["docs-311", "Build the documents", "finished", { exit_code: 0 }, 33],
    ["backfill-7", "Backfill of summaries", "paused", {}, 41],
    ["fuzz-20", "Fuzz the frames", "cancelled", { reason: "superseded by fuzz-21" }, 48],
    ["fuzz-21", "Fuzz the frames", "progress", { message: "1,204,000 frames" }, 47],
    ["bench-90", "Benchmark the relay", "failed", { signal: "SIGKILL" }, 55],
  ];
  const events: Event[] = runs.flatMap(([id, title, verb, payload, minutes]) => [
    event("run", id, 1, "queued", {}, minutes + 1),
    event("run", id, 2, "started", { title, command: ["make", id] }, minutes),
    event("run", id, 3, verb, payload, minutes - 2),
  ]);
  const workers = ["ada", "grace", "linus"].flatMap((name) => [
    event("codex_worker", name, 1, "started", { title: `worker ${name}` }, 60),
    event("codex_worker", name, 2, "busy", { task: "review of a change" }, 5),
  ]);
  await database.ingest([...events, ...workers]);
}

function progress(seq: number, line: string): Event {
  return event("run", "nightly-build", seq, "progress", { last_line: line }, 0);
}

function event(
  entity: Event["entity"],
  id: string,
  seq: number,
  verb: string,
  payload: object,
  minutesAgo: number,
): Event {
  const occurred = new Date(Date.parse(NOW) - minutesAgo * 60_000 - 2_000).toISOString();
  const type = `${entity === "run" ? "run" : "worker"}.${verb}`;
  return { entity, id, seq, type, payload, occurred_at: occurred };
}
