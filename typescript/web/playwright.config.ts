import { defineConfig, devices } from "@playwright/test";

export default defineConfig({
  testDir: "test",
  testMatch: "*.spec.ts",
  globalSetup: "./test/harness/global.ts",
  outputDir: "test-results",
  // One server, one database: the tests share them.
  workers: 1,
  fullyParallel: false,
  forbidOnly: process.env["CI"] !== undefined,
  reporter: [["list"]],
  // A failure may take long; a machine that is loaded must not look like one.
  timeout: 90_000,
  expect: { timeout: 30_000 },
  use: {
    ...devices["Desktop Chrome"],
    viewport: { width: 1280, height: 800 },
    launchOptions: { executablePath: process.env["KHALA_CHROMIUM"] ?? "/usr/bin/chromium" },
    screenshot: "only-on-failure",
  },
});
