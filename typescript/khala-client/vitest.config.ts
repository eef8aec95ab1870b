import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    globalSetup: ["test/harness/global.ts"],
    // Tests share one server, whose relay some of them kill.
    fileParallelism: false,
    // A failure may take long; a machine that is loaded must not look like one.
    testTimeout: 90_000,
    hookTimeout: 120_000,
  },
});
