/** The application as a test has it: signed in to the server, over a cable that can be pulled out. */

import { act, cleanupAsync, renderAsync, screen } from "@testing-library/react-native";
import { AppState, type AppStateStatus } from "react-native";
import { Cable } from "../../../web/test/harness/cable";
import { App } from "../../src/App";
import { type Account, writeAccount } from "../../src/account/account";
import { signIn } from "../../src/account/session";
import { place } from "../../src/place";
import { Database } from "./database";
import { deleteItemAsync, setItemAsync } from "./expo-secure-store";
import { ready } from "./khala-dev";
import { PATIENT } from "./patience";

export { PATIENT };

/** Cables of socket and HTTP. */
export interface Cables {
  readonly ws: Cable;
  readonly http: Cable;
  readonly pull: () => void;
  readonly plug: () => void;
}

type Fetch = typeof fetch;

/** What goes over the network by HTTP. */
export const traffic = {
  /** The requests that the application has sent, each as `GET /path`. */
  requests: [] as string[],
  /** Takes the place of the network for what a test wants to be late, lost or different. */
  intercept: null as ((request: string, go: () => Promise<Response>) => Promise<Response>) | null,
};

const plainFetch = globalThis.fetch;
const handlers = new Set<(state: AppStateStatus) => void>();

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
    place.set({ view: "workers", list: "workers", worker: null, filter: "all" });
    cables = await openCables();
    Object.assign(traffic, { requests: [], intercept: null });
    globalThis.fetch = watchedFetch;
    jest.spyOn(AppState, "addEventListener").mockImplementation((_type, handler) => {
      const own = handler as (state: AppStateStatus) => void;
      handlers.add(own);
      return { remove: () => handlers.delete(own) };
    });
  });
  afterEach(async () => {
    await stop();
    jest.restoreAllMocks();
    cables.ws.close();
    cables.http.close();
    globalThis.fetch = plainFetch;
  });
  return { database: () => database, cables: () => cables };
}

const watchedFetch: Fetch = (input, init) => {
  const request = `${init?.method ?? "GET"} ${String(input).replace(/^https?:\/\/[^/]+/, "")}`;
  traffic.requests.push(request);
  const go = () => plainFetch(input, init);
  return traffic.intercept === null ? go() : traffic.intercept(request, go);
};

async function openCables(): Promise<Cables> {
  const ws = await Cable.open(ready().ws);
  const http = await Cable.open(ready().http);
  const both = (work: (cable: Cable) => void) => () => {
    work(ws);
    work(http);
  };
  return { ws, http, pull: both((each) => each.pull()), plug: both((each) => each.plug()) };
}

/** The device says that the application is shown, or not. */
export async function sayState(state: AppStateStatus): Promise<void> {
  await act(async () => {
    for (const handler of [...handlers]) {
      handler(state);
    }
  });
}

let accounts = 0;

/** An account of the server behind the cables, with a store of its own. */
export async function accountOf(cables: Cables, key = ready().key): Promise<Account> {
  const account = await signIn({ ws: ready().ws, http: ready().http }, key);
  return {
    ...account,
    subject: `${account.subject}-${accounts++}`,
    ws: cables.ws.through(ready().ws),
    http: cables.http.through(ready().http).replace(/\/$/, ""),
  };
}

/** Starts the application for an account that is signed in on this device. */
export async function start(account: Account): Promise<void> {
  await setItemAsync("khala.account", writeAccount(account));
  await show();
}

/** Starts the application as it is on this device. */
export async function show(): Promise<void> {
  await renderAsync(<App />);
  liveOn();
}

/** The application ends; what it has stored stays. */
export async function stop(): Promise<void> {
  await cleanupAsync();
  liveOn();
}

/** From here on the application lives by what really happens, not by what a test does to it. */
function liveOn(): void {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false });
}

export const findText = (text: string | RegExp) => screen.findByText(text, {}, PATIENT);
export const findId = (id: string) => screen.findByTestId(id, {}, PATIENT);

/** Waits until the application says that its connection is this. */
export async function says(word: string): Promise<void> {
  await screen.findAllByLabelText(`Connection: ${word}`, {}, PATIENT);
}
