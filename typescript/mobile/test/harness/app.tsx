/** The application as a test has it: signed in to the server, over a cable that can be pulled out. */

import { act, cleanup, render, screen, userEvent } from "@testing-library/react-native";
import { AppState, type AppStateStatus } from "react-native";
import { Cable } from "../../../web/test/harness/cable";
import { App } from "../../src/App";
import { type Account, writeAccount } from "../../src/account/account";
import { signIn } from "../../src/account/session";
import { place } from "../../src/place";
import { Database } from "./database";
import { deleteItemAsync, setItemAsync } from "./expo-secure-store";
import { ready } from "./khala-dev";

export const user = userEvent.setup();

/** Cables of socket and HTTP. */
export interface Cables {
  readonly ws: Cable;
  readonly http: Cable;
  readonly pull: () => void;
  readonly plug: () => void;
}

const handlers = new Set<(state: AppStateStatus) => void>();

/** The requests that the application has sent, each as `GET /path`. */
export const requests: string[] = [];
const plainFetch = globalThis.fetch;

/** Before each test: an empty server and nobody signed in. After it: nothing goes on. */
export function onServer(): { readonly database: () => Database; readonly cables: () => Cables } {
  let database: Database;
  let cables: Cables;
  beforeAll(async () => {
    database = await Database.open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.clear();
    await deleteItemAsync("khala.account");
    place.set({ view: "workers", worker: null, filter: "all" });
    const [ws, http] = [await Cable.open(ready().ws), await Cable.open(ready().http)];
    const both = (work: (cable: Cable) => void) => () => [ws, http].forEach(work);
    cables = { ws, http, pull: both((each) => each.pull()), plug: both((each) => each.plug()) };
    requests.length = 0;
    globalThis.fetch = (input, init) => {
      requests.push(`${init?.method ?? "GET"} ${String(input).replace(/^https?:\/\/[^/]+/, "")}`);
      return plainFetch(input, init);
    };
    jest.spyOn(AppState, "addEventListener").mockImplementation((_type, handler) => {
      handlers.add(handler as (state: AppStateStatus) => void);
      return { remove: () => handlers.delete(handler as (state: AppStateStatus) => void) };
    });
  });
  afterEach(async () => {
    cleanup();
    jest.restoreAllMocks();
    cables.ws.close();
    cables.http.close();
    globalThis.fetch = plainFetch;
  });
  return { database: () => database, cables: () => cables };
}

/** The device says that the application is shown, or not. */
export async function sayState(state: AppStateStatus): Promise<void> {
  await act(async () => {
    for (const handler of [...handlers]) {
      handler(state);
    }
  });
}

/** An account of the server behind the cables. */
export async function accountOf(cables: Cables, key = ready().key): Promise<Account> {
  const account = await signIn({ ws: ready().ws, http: ready().http }, key);
  return {
    ...account,
    ws: cables.ws.through(ready().ws),
    http: cables.http.through(ready().http).replace(/\/$/, ""),
  };
}

/** Starts the application for an account that is signed in on this device. */
export async function start(account: Account): Promise<void> {
  await setItemAsync("khala.account", writeAccount(account));
  render(<App />);
}

const PATIENT = { timeout: 30_000 };

export const findText = (text: string | RegExp) => screen.findByText(text, {}, PATIENT);
export const findId = (id: string) => screen.findByTestId(id, {}, PATIENT);

/** Waits until the application is connected, as the pill says it. */
export async function says(word: string | RegExp): Promise<void> {
  const label = typeof word === "string" ? `Connection: ${word}` : word;
  await screen.findByLabelText(label, {}, PATIENT);
}
