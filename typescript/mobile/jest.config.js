const { join } = require("node:path");
const { sources } = require("./scripts/khala-client.cjs");

module.exports = {
  preset: "jest-expo",
  cacheDirectory: join(__dirname, "../../.cache/jest"),
  resolver: "<rootDir>/scripts/jest-resolver.cjs",
  roots: ["<rootDir>/src", "<rootDir>/test"],
  testMatch: ["<rootDir>/test/**/*.test.{ts,tsx}"],
  globalSetup: "<rootDir>/test/harness/global.ts",
  globalTeardown: "<rootDir>/test/harness/teardown.ts",
  testEnvironment: "<rootDir>/test/harness/environment.js",
  setupFiles: ["<rootDir>/test/harness/setup.ts"],
  setupFilesAfterEnv: ["<rootDir>/test/harness/patience.ts"],
  // What is the device's own: SQLite is real here too, the keychain and the network are not.
  moduleNameMapper: {
    // jest-expo makes this one of tsconfig.json, without what stands for the star.
    "^khala\\-client\\/(.*)$": `${sources}/$1`,
    "^expo-(sqlite|secure-store|network)$": "<rootDir>/test/harness/expo-$1.ts",
  },
  testTimeout: 120_000,
  // The tests share one server.
  maxWorkers: 1,
};
