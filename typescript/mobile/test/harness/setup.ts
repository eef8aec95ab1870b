/** What a device has and Node has not, and what the presets put stand-ins for. */

import WebSocket from "ws";

// As in .env, which only Metro reads.
Object.assign(process.env, { EXPO_PUBLIC_KHALA_SYNC_ENABLED: "true" });

const { host } = globalThis as unknown as { host: object };
for (const [name, value] of Object.entries({ ...host, WebSocket })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

// The safe area of a device without a notch, by the package's own stand-in.
jest.mock(
  "react-native-safe-area-context",
  () => jest.requireActual("react-native-safe-area-context/jest/mock").default,
);
