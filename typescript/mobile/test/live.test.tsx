/** The list and a worker, live from a real server. */

import { waitFor, within } from "@testing-library/react-native";
import { accountOf, findId, findText, onServer, says, start } from "./harness/app";

const { database, cables } = onServer();

test("the list shows status, age of the heartbeat, sequence and lag, and follows", async () => {
  await database().start("w-1", { title: "fixes tests", workspace: "/src/app" });
  await start(await accountOf(cables()));
  const row = await findId("worker-w-1");
  await says("Live");
  expect(within(row).getByText("fixes tests")).toBeOnTheScreen();
  expect(within(row).getByText("running")).toBeOnTheScreen();
  expect(within(row).getByText(/^♥ fresh$/)).toBeOnTheScreen();
  expect(within(row).getByText(/^\d+ s ago$/)).toBeOnTheScreen();
  expect(within(row).getByText("seq 2")).toBeOnTheScreen();
  await waitFor(() => expect(within(row).getByText("lag 0")).toBeOnTheScreen());
  expect(row.props.accessibilityLabel).toMatch(
    /^fixes tests, w-1, running, heartbeat fresh, \d+ seconds? ago, sequence 2, projection lag 0$/,
  );
  await database().append("w-1", "worker.busy", { task: "issue 14" });
  await findText("issue 14");
  await findText("seq 3");
  await database().start("w-2");
  await findId("worker-w-2");
});
