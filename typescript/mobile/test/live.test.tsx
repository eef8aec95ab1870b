/** The list and a worker, live from a real server. */

import { act, fireEvent, screen, waitFor, within } from "@testing-library/react-native";
import {
  accountOf,
  findId,
  findText,
  onServer,
  PATIENT,
  says,
  start,
  traffic,
} from "./harness/app";
import { createKey, ready } from "./harness/khala-dev";

const { database, cables } = onServer();

test("the list shows status, age of the heartbeat, sequence and lag, and follows", async () => {
  await database().start("one-1", { title: "fixes tests", workspace: "/src/app" });
  await start(await accountOf(cables()));
  const row = await findId("worker-one-1");
  await says("Live");
  expect(within(row).getByText("fixes tests")).toBeOnTheScreen();
  expect(within(row).getByText("running")).toBeOnTheScreen();
  expect(within(row).getByText(/^♥ fresh$/)).toBeOnTheScreen();
  expect(within(row).getByText(/^\d+ s ago$/)).toBeOnTheScreen();
  expect(within(row).getByText("seq 2")).toBeOnTheScreen();
  await waitFor(() => expect(within(row).getByText("lag 0")).toBeOnTheScreen(), PATIENT);
  expect(screen.getByTestId("worker-one-1").props["accessibilityLabel"]).toMatch(
    /^fixes tests, one-1, running, heartbeat fresh, \d+ seconds? ago, sequence 2, projection lag 0$/,
  );
  await database().append("one-1", "worker.busy", { task: "issue 14" });
  await findText("issue 14");
  await findText("seq 3");
  await database().start("one-2");
  await findId("worker-one-2");
});

test("filters count and choose; nothing to show says what to do", async () => {
  await start(await accountOf(cables()));
  await findText("There are no workers");
  await findText("khala worker echo-1 -- cat");
  await database().start("runs");
  await database().start("ends");
  await database().start("fails");
  await database().append("ends", "worker.finished", { exit_code: 0 });
  await database().append("fails", "worker.failed", { reason: "out of memory" });
  for (const [filter, label, ids] of [
    ["running", "Running, 1", ["runs"]],
    ["stopped", "Stopped, 1", ["ends"]],
    ["failed", "Failed, 1", ["fails"]],
    ["all", "All, 3", ["runs", "ends", "fails"]],
  ] as const) {
    const chip = await screen.findByLabelText(label, {}, PATIENT);
    fireEvent.press(chip);
    await waitFor(() => expect(screen.getByTestId(`filter-${filter}`)).toBeChecked());
    const shown = screen.getAllByTestId(/^worker-/).map(({ props }) => props["testID"]);
    expect(new Set(shown)).toEqual(new Set(ids.map((id) => `worker-${id}`)));
  }
  await findText("out of memory");
  await database().append("fails", "worker.started");
  fireEvent.press(await screen.findByLabelText("Failed, 0", {}, PATIENT));
  await findText("No worker is failed");
  fireEvent.press(screen.getByText("Show all"));
  await findId("worker-runs");
});

test("a worker shows workspace, document, and its last 80 events as they come", async () => {
  await database().start("log-1", { workspace: "/src/app", adapter: "codex" });
  const more = Array.from({ length: 98 }, (_, at) => ({
    id: "log-1",
    seq: at + 3,
    type: "worker.progress",
    payload: { last_line: `line ${at + 3}` },
  }));
  await database().ingest(...more);
  await start(await accountOf(cables()));
  fireEvent.press(await findId("worker-log-1"));
  await findId("event-100");
  await findId("event-21");
  expect(screen.queryByTestId("event-20")).toBeNull();
  expect(screen.getByLabelText("Workspace: /src/app")).toBeOnTheScreen();
  expect(screen.getByLabelText("Adapter: codex")).toBeOnTheScreen();
  await database().append("log-1", "worker.progress", { last_line: "the very last" });
  await findId("event-101");
  expect(screen.queryByTestId("event-21")).toBeNull();
  expect(screen.getAllByTestId(/^event-/)).toHaveLength(80);
  const sent = traffic.requests.filter((each) => each.includes("/events"));
  expect(sent).toEqual([
    "GET /api/runtime/codex/workers/log-1/events?after=20&limit=80",
    "GET /api/runtime/codex/workers/log-1/events?after=100&limit=80",
  ]);
  fireEvent.press(screen.getByText("Show the document"));
  expect(within(await findId("snapshot")).getByText(/"worker_id": "log-1"/)).toBeOnTheScreen();
  fireEvent.press(screen.getByLabelText("Back to the list"));
  await waitFor(() => expect(screen.queryByTestId("worker")).toBeNull());
});

test("pulling down reads once more", async () => {
  await database().start("pull-1");
  await start(await accountOf(cables()));
  await says("Live");
  await findText("lag 0");
  const lists = () => traffic.requests.filter((each) => each.includes("/workers?limit=")).length;
  const before = lists();
  const { refreshControl } = screen.getByTestId("workers").props;
  act(() => refreshControl.props.onRefresh());
  await waitFor(() => expect(lists()).toBe(before + 1), PATIENT);
});

test("a key without runtime.operate shows, and offers no request", async () => {
  await database().start("read-1");
  const key = await createKey(ready().database, "runtime.codex_worker_summaries");
  await start(await accountOf(cables(), key));
  fireEvent.press(await findId("worker-read-1"));
  await findText(/Your key may not send requests/);
  expect(screen.queryByText("Send request")).toBeNull();
});

test("a key for other topics is refused, and the banner says so", async () => {
  const key = await createKey(ready().database, "runtime.notifications");
  await start(await accountOf(cables(), key));
  await says("Refused");
  await findText("The server refuses");
});
