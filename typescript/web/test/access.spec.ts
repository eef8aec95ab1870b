/** With the keyboard alone, on a phone, in the dark. */

import { expect, open, row, test } from "./harness/fixtures";

test("with the keyboard alone", async ({ page, database }) => {
  for (let number = 1; number <= 5; number++) {
    await database.start(`keys-${number}`, `number ${number}`);
  }
  await open(page);
  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("number");
  const table = page.getByRole("grid");
  for (
    let tabs = 0;
    tabs < 10 && !(await table.evaluate((it) => it === document.activeElement));
  ) {
    await page.keyboard.press("Tab");
    tabs++;
  }
  await expect(table).toBeFocused();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  const second = await page.locator(".row.active").getAttribute("data-key");
  expect(await table.getAttribute("aria-activedescendant")).toBe(`row-${second}`);
  await page.keyboard.press("Enter");
  const details = page.getByTestId("details");
  await expect(details).toBeFocused();
  await expect(details).toContainText(second ?? "");
  await page.keyboard.press("Escape");
  await expect(details).toHaveCount(0);
  await expect(table).toBeFocused();
  await page.getByRole("radio", { name: "Khala" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByTestId("connection")).toContainText("Polling");
});

test("at the width of a phone", async ({ page, database }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await database.start("phone-1", "a rather long title that will not fit into any phone at all");
  await open(page);
  await database.progress("phone-1", 2, "live on the phone");
  await expect(row(page, "phone-1")).toContainText("live on the phone");
  const overflow = () =>
    page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  expect(await overflow()).toBe(0);
  await row(page, "phone-1").click();
  const details = page.getByTestId("details");
  await expect(details).toContainText("live on the phone");
  expect(await overflow()).toBe(0);
  expect((await details.boundingBox())?.width).toBe(360);
  await details.getByRole("button", { name: "Close" }).click();
  await expect(row(page, "phone-1")).toBeVisible();
});

test("light and dark: as the system says, or as chosen", async ({ page, database: _ }) => {
  const brightness = () =>
    page.evaluate(() => {
      const parts = getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? [];
      return Number(parts[0]);
    });
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page);
  expect(await brightness()).toBeLessThan(60);
  await page.emulateMedia({ colorScheme: "light" });
  expect(await brightness()).toBeGreaterThan(200);
  const theme = page.getByRole("group", { name: "Theme" });
  await theme.getByText("Dark").click();
  expect(await brightness()).toBeLessThan(60);
  await page.reload();
  expect(await brightness()).toBeLessThan(60);
});
