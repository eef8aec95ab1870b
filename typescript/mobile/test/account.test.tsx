/** Signing in and out. */

import { fireEvent, screen, waitFor } from "@testing-library/react-native";
import {
  type Account,
  readAccount,
  readAddresses,
  storeName,
  writeAccount,
} from "../src/account/account";
import {
  accountOf,
  findId,
  findText,
  onServer,
  PATIENT,
  says,
  show,
  start,
  stop,
  traffic,
} from "./harness/app";
import * as keychain from "./harness/expo-secure-store";
import { open as connections } from "./harness/expo-sqlite";
import { ready, setFlag } from "./harness/khala-dev";

const { database, cables } = onServer();

test("signs in with a key that stays in the keychain, and out without a trace", async () => {
  await database().start("in-1");
  await show();
  const field = async (label: string) => screen.findByLabelText(label, {}, PATIENT);
  fireEvent.changeText(await field("Address"), ready().ws);
  fireEvent.changeText(await field("HTTP address"), ready().http);
  fireEvent.changeText(await field("API key"), "khala_00000000_00000000000000000000000000000");
  fireEvent.press(await field("Sign in"));
  await findText("Not signed in");
  expect(await keychain.getItemAsync("khala.account")).toBeNull();

  fireEvent.changeText(await field("API key"), ` ${ready().key} `);
  fireEvent.press(await field("Sign in"));
  await says("Live");
  await findId("worker-in-1");
  expect(readAccount(await keychain.getItemAsync("khala.account"))).toMatchObject({
    key: ready().key,
    org: "dev",
    subject: "ann",
  });

  fireEvent.press(screen.getByLabelText("Connection: Live"));
  await findText("live, by Khala");
  fireEvent.press(await field("Sign out"));
  await field("API key");
  await waitFor(
    async () => expect(await keychain.getItemAsync("khala.account")).toBeNull(),
    PATIENT,
  );
  const own = { ...(await accountOf(cables())), http: ready().http, subject: "ann" };
  expect(await storedDocuments(own)).toEqual([]);
  expect(connections.length).toBeGreaterThan(1);
});

test("addresses that are none are refused before anything is sent", async () => {
  const account = await accountOf(cables());
  expect(() => readAddresses("khala.example.com", "")).toThrow(/is no WebSocket address/);
  expect(() => readAddresses("wss://khala.example.com/socket/websocket", "x")).toThrow(/HTTP/);
  expect(readAddresses(" wss://k.example:8443/socket/websocket ", "")).toEqual({
    ws: "wss://k.example:8443/socket/websocket",
    http: "https://k.example:8443",
  });
  expect(readAccount(writeAccount(account))).toEqual(account);
  expect(readAccount("{}")).toBeNull();
  expect(readAccount(null)).toBeNull();
});

test("stores of different accounts have different names, which every file system takes", () => {
  const account = {
    ws: "",
    http: "https://k.example",
    key: "",
    org: "a",
    subject: "b",
    scopes: [],
  };
  const names = [
    account,
    { ...account, org: "a-b", subject: "" },
    { ...account, org: "A" },
    { ...account, subject: "../b" },
    { ...account, subject: "ä" },
  ].map((each) => storeName(each));
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  for (const name of names) {
    expect(name).toMatch(/^[\w-]+$/);
  }
});

test("a keychain that cannot be read leads to the sign-in, and says so", async () => {
  jest.spyOn(keychain, "getItemAsync").mockRejectedValue(new Error("the keychain is locked"));
  await show();
  await findText(/the keychain is locked/);
  await screen.findByLabelText("API key", {}, PATIENT);
});

test("a token for another organisation is not used: the store keeps the account's documents", async () => {
  await database().start("own-1", { title: "of this organisation" });
  const account = await accountOf(cables());
  await start(account);
  await says("Live");
  await findText("of this organisation");
  await stop();
  traffic.intercept = async (request, go) => {
    const response = await go();
    if (!request.endsWith("/api/sync/token")) {
      return response;
    }
    const { data } = await response.json();
    return new Response(JSON.stringify({ data: { ...data, org_id: "other" } }));
  };
  await start(account);
  await says("Signed out");
  expect(screen.getByText("of this organisation")).toBeOnTheScreen();
});

test("signing out in the middle of a save, while the flag brings another lane, leaves nothing", async () => {
  await database().start("out-1");
  await setFlag("--lane", "legacy", "--person", "ann");
  const account = await accountOf(cables());
  await start(account);
  await says("Every 12 s");
  fireEvent.press(screen.getByLabelText("Connection: Every 12 s"));
  await findText("the lists, every 12 seconds");
  const before = connections.length;
  await setFlag("--lane", "khala", "--person", "ann");
  await waitFor(() => expect(connections.length).toBeGreaterThan(before), PATIENT);
  fireEvent.press(screen.getByLabelText("Sign out"));
  await screen.findByLabelText("API key", {}, PATIENT);
  await stop();
  expect(await storedDocuments(account)).toEqual([]);
});

async function storedDocuments(account: Account): Promise<unknown[]> {
  const { openDatabaseAsync } = jest.requireActual("./harness/expo-sqlite");
  const opened = await openDatabaseAsync(`${storeName(account)}.db`);
  return opened.getAllAsync("SELECT doc_key FROM khala_document", []);
}
