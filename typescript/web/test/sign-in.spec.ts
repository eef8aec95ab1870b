/** A session begins with a link that works once, and ends when somebody signs out. */

import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "./harness/fixtures";
import { ready } from "./harness/server";

async function link(...options: string[]): Promise<string> {
  const program = process.env["KHALA_BIN"] ?? resolve("../../.venv/bin/khala");
  const { database, page } = ready();
  const argv = ["page", "--database", database, "--url", page.replace(/\/$/, ""), ...options];
  const { stdout } = await promisify(execFile)(program, argv);
  return /https?:\S+/.exec(stdout)?.[0] ?? "";
}

test("a link signs in once; its code stands nowhere after that", async ({ page }) => {
  const address = await link();
  expect(address).toContain("#/sign-in/");
  const code = address.split("/").at(-1) ?? "";
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  expect(page.url()).not.toContain(code);
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
  const [cookie] = await page.context().cookies(`${ready().page}api/page/session`);
  expect(cookie).toMatchObject({ name: "khala_page", httpOnly: true, sameSite: "Strict" });
  await page.goto("about:blank");
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "does not work any more" })).toBeVisible();
  await expect(page.getByText("khala page", { exact: true })).toBeVisible();
  expect(page.url()).not.toContain(code);
});

test("a session for some organisations offers these only, and can be left", async ({ page }) => {
  await page.goto(await link("--org", "dev", "--org", "acme"));
  await page.getByRole("button", { name: /^Organisation/ }).click();
  await expect(page.getByRole("option")).toHaveText(["dev", "acme"], { useInnerText: true });
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Signed out" })).toBeVisible();
  expect(await page.context().cookies(`${ready().page}api/page/session`)).toEqual([]);
});
