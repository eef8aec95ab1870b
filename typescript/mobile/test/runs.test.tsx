/** The list of runs, in both lanes. */

import { fireEvent, screen, waitFor, within } from "@testing-library/react-native";
import { place } from "../src/place";
import { accountOf, findId, findText, onServer, PATIENT, says, start, stop } from "./harness/app";
import { createKey, khala, PROGRAM, ready, setFlag } from "./harness/khala-dev";

const { database, cables } = onServer();

/** Opens the list of runs. */
async function openRuns(): Promise<void> {
  fireEvent.press(await screen.findByLabelText("Runs", {}, PATIENT));
  await findId("runs");
}

const shown = () => screen.getAllByTestId(/^run-/).map(({ props }) => props["testID"]);

test("a run of `khala run` shows title, status and last line, and ends under the user's eyes", async () => {
  await start(await accountOf(cables()));
  await openRuns();
  await findText("There are no runs");
  await findText("khala run -- make test");
  await khala(
    ...["run", "--database", ready().database, "--org", "dev", "--id", "r-1"],
    ...["--title", "Prints its version", "--", PROGRAM, "--version"],
  );
  const row = await findId("run-r-1");
  expect(within(row).getByText("Prints its version")).toBeOnTheScreen();
  await within(row).findByText("succeeded", {}, PATIENT);
  expect(within(row).getByText(/^khala/)).toBeOnTheScreen();
  expect(within(row).getByText("r-1")).toBeOnTheScreen();
  expect(within(row).getByText(/^\d+ s ago$/)).toBeOnTheScreen();
});

test("the newest run is the first, and a change moves none", async () => {
  await database().run("older", 1, "started", { command: ["make", "test"] });
  await database().run("newer", 1, "started", { title: "Later" });
  await start(await accountOf(cables()));
  await openRuns();
  await findText("make test");
  expect(shown()).toEqual(["run-newer", "run-older"]);
  await database().run("older", 2, "progress", { last_line: "3 of 4" });
  await findText("3 of 4");
  await database().run("older", 3, "finished", { exit_code: 2 });
  await findText("exit code 2");
  expect(within(screen.getByTestId("run-older")).getByText("failed")).toBeOnTheScreen();
  expect(shown()).toEqual(["run-newer", "run-older"]);
});

test("runs are stored beside the workers, and there without a network", async () => {
  await database().run("kept", 1, "started", { title: "is kept" });
  const account = await accountOf(cables());
  await start(account);
  await says("Live");
  await openRuns();
  await findText("is kept");
  await stop();
  cables().pull();
  await start(account);
  await says("Offline");
  await findText("is kept");
});

test("the legacy lane reads them by HTTP; the change of the lane loses neither list nor place", async () => {
  await setFlag("--lane", "legacy", "--person", "ann");
  await database().run("both", 1, "started", { title: "in both" });
  await start(await accountOf(cables()));
  await findId("lane-legacy");
  await openRuns();
  await findText("in both");
  await database().run("both", 2, "progress", { last_line: "by the next reading" });
  await findText("by the next reading");
  await setFlag("--lane", "khala");
  await findId("lane-khala");
  expect(screen.getByText("by the next reading")).toBeOnTheScreen();
  expect(place.get().view).toBe("runs");
});

test("the account leads back to the list that was shown", async () => {
  await start(await accountOf(cables()));
  await openRuns();
  await says("Live");
  fireEvent.press(screen.getByLabelText("Connection: Live"));
  await findText("live, by Khala");
  fireEvent.press(screen.getByLabelText("Back to the list"));
  await waitFor(() => expect(place.get().view).toBe("runs"));
});

test("a key for workers only has no runs, and says so; one for runs only has no workers", async () => {
  await database().start("scoped-1");
  await database().run("scoped-run", 1, "started", { title: "a run" });
  for (const [topic, hidden, list] of [
    ["runtime.codex_worker_summaries", "runs", "workers"],
    ["runtime.run_summaries", "workers", "runs"],
  ] as const) {
    const key = await createKey(ready().database, topic);
    await start(await accountOf(cables(), key));
    await says("Live");
    fireEvent.press(screen.getByTestId(`tab-${hidden}`));
    await findText(`Your key is not for ${hidden}`);
    fireEvent.press(screen.getByTestId(`tab-${list}`));
    await findId(list === "runs" ? "run-scoped-run" : "worker-scoped-1");
    await stop();
  }
});
