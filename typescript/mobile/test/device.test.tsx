/** What happens to a device: no network, sleep, expired tokens, a clock that jumps, a sudden end. */

import { screen, waitFor, within } from "@testing-library/react-native";
import {
  accountOf,
  findId,
  findText,
  onServer,
  PATIENT,
  sayState,
  says,
  start,
  stop,
  traffic,
} from "./harness/app";
import { sayNetwork } from "./harness/expo-network";
import { open as connections } from "./harness/expo-sqlite";
import { createKey, khala, ready } from "./harness/khala-dev";
import { shortToken } from "./harness/tokens";

const { database, cables } = onServer();

test("airplane mode: the banner says so, what was known stays, and it goes on at once", async () => {
  await database().start("air-1", { title: "flies" });
  await start(await accountOf(cables()));
  await says("Live");
  await findText("flies");
  cables().pull();
  sayNetwork(false);
  await says("Offline");
  await findText("You are offline");
  await findText(/You see what was known at \d\d:\d\d:\d\d\. It connects again by itself\./);
  expect(screen.getByText("flies")).toBeOnTheScreen();
  await database().append("air-1", "worker.busy", { task: "written meanwhile" });
  cables().plug();
  sayNetwork(true);
  await says("Live");
  await findText("written meanwhile");
  expect(screen.queryByTestId("banner")).toBeNull();
});

test("a start without network shows what was stored", async () => {
  await database().start("kept-1", { title: "is kept" });
  const account = await accountOf(cables());
  await start(account);
  await says("Live");
  await findText("is kept");
  await sayState("background");
  await waitFor(async () => expect(await stored()).toContain("kept-1"), PATIENT);
  await stop();
  cables().pull();
  await start(account);
  await says("Offline");
  await findText("is kept");
  await findText(/what was known in an earlier session/);
});

test("out of sight for long: the connection is dead, and nothing is missing afterwards", async () => {
  await database().start("away-1");
  await start(await accountOf(cables()));
  await says("Live");
  await sayState("background");
  cables().pull();
  await database().append("away-1", "worker.busy", { task: "while it slept" });
  const flags = () => traffic.requests.filter((each) => each.endsWith("/flags")).length;
  const before = flags();
  cables().plug();
  await sayState("active");
  await says("Live");
  await findText("while it slept");
  // The flag may have changed, too.
  await waitFor(() => expect(flags()).toBeGreaterThan(before), PATIENT);
});

test("a token that expires while it sleeps is replaced, for the socket and for requests", async () => {
  await database().start("sleep-1");
  const account = await accountOf(cables());
  const token = shortToken(4);
  // The token of the first exchange is short; whatever comes later is as the server issues it.
  let exchanges = 0;
  traffic.intercept = async (request, go) => {
    const response = await go();
    if (!request.endsWith("/api/sync/token") || exchanges++ > 0) {
      return response;
    }
    const { data } = await response.json();
    return new Response(JSON.stringify({ data: { ...data, token } }));
  };
  await start(account);
  await findId("worker-sleep-1");
  await sayState("background");
  cables().pull();
  await waitFor(async () => expect(await statusOf(token)).toBe(401), PATIENT);
  await database().append("sleep-1", "worker.busy", { task: "after it expired" });
  cables().plug();
  await sayState("active");
  await says("Live");
  await findText("after it expired");
  expect(exchanges).toBeGreaterThan(1);
});

test("a key that was revoked while it slept: it says so, and shows what it had", async () => {
  const key = await createKey(ready().database, "runtime.codex_worker_summaries");
  await database().start("gone-1", { title: "still shown" });
  await start(await accountOf(cables(), key));
  await says("Live");
  await findText("still shown");
  await sayState("background");
  cables().pull();
  const [, id = ""] = key.split("_");
  await khala("key", "revoke", id, "--database", ready().database);
  cables().plug();
  await sayState("active");
  await says("Signed out");
  await findText(/sign in with another one/);
  expect(screen.getByText("still shown")).toBeOnTheScreen();
});

test("a clock that is wrong, and jumps: ages are the server's, and updates go on", async () => {
  const real = Date.now.bind(Date);
  let offset = -86_400_000;
  jest.spyOn(Date, "now").mockImplementation(() => real() + offset);
  await database().start("clock-1");
  await start(await accountOf(cables()));
  const row = await findId("worker-clock-1");
  await says("Live");
  await waitFor(() => expect(within(row).getByText(/^\d\d? s ago$/)).toBeOnTheScreen(), PATIENT);
  for (const [jump, task] of [
    [3 * 86_400_000, "after a jump ahead"],
    [-3 * 86_400_000, "after a jump back"],
  ] as const) {
    offset = jump;
    await database().append("clock-1", "worker.heartbeat");
    await database().append("clock-1", "worker.busy", { task });
    await findText(task);
    expect(within(row).getByText(/^\d\d? s ago$/)).toBeOnTheScreen();
    await says("Live");
  }
});

test("the end of the process in the middle of a save loses nothing", async () => {
  await database().start("end-1", { title: "before the end" });
  const account = await accountOf(cables());
  await start(account);
  await says("Live");
  await waitFor(async () => expect(await stored()).toContain("end-1"), PATIENT);
  const [connection] = connections.slice(-1);
  if (connection === undefined) {
    throw new Error("no store is open");
  }
  const ended = new Promise<void>((done) => {
    connection.onStatement = (sql) => {
      // The documents are written, the watermark is not, and nothing is committed.
      if (sql.startsWith("INSERT INTO khala_cursor")) {
        connection.kill();
        done();
      }
    };
  });
  await database().append("end-1", "worker.busy", { task: "never saved" });
  await database().start("end-2");
  await ended;
  await stop();
  cables().pull();
  await start(account);
  await says("Offline");
  await findText("before the end");
  expect(screen.queryByText("never saved")).toBeNull();
  expect(screen.queryByTestId("worker-end-2")).toBeNull();
  cables().plug();
  sayNetwork(true);
  await says("Live");
  await findText("never saved");
  await findId("worker-end-2");
});

/** The workers in the store that was opened last. */
async function stored(): Promise<string[]> {
  const rows = await connections.at(-1)?.getAllAsync("SELECT doc_key FROM khala_document", []);
  return (rows ?? []).map((row) => String(row["doc_key"]).split(":")[1] ?? "");
}

/** What the server says to a token. */
async function statusOf(token: string): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` };
  return (await fetch(`${ready().http}/api/sync/flags`, { headers })).status;
}
