import { defineConfig, devices } from "@playwright/test";

export default defineConfig({
  testDir: "test/browser",
  testMatch: "*.spec.ts",
  globalSetup: "./test/harness/global.ts",
  outputDir: "test-results",
  // One server, one database: the tests share them.
  workers: 1,
  fullyParallel: false,
  forbidOnly: process.env["CI"] !== undefined,
  reporter: [["list"]],
  timeout: 120_000,
  expect: { timeout: 40_000 },
  use: {
    ...devices["Pixel 7"],
    launchOptions: { executablePath: process.env["KHALA_CHROMIUM"] ?? "/usr/bin/chromium" },
    screenshot: "only-on-failure",
  },
});
