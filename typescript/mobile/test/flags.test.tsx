/** `khala flags` decides the lane, under an open application that keeps its place. */

import { fireEvent, screen, waitFor } from "@testing-library/react-native";
import { place } from "../src/place";
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
import { setFlag } from "./harness/khala-dev";

const { database, cables } = onServer();
const isFlag = (request: string) => request === "GET /api/sync/flags";
const isList = (request: string) => request.includes("/workers?limit=");

test("the lane follows the flag, and the place stays", async () => {
  await database().start("place-1", { title: "stays open" });
  await setFlag("--lane", "legacy", "--person", "ann");
  await start(await accountOf(cables()));
  await findId("lane-legacy");
  await says("Every 12 s");
  fireEvent.press(await screen.findByLabelText("Running, 1", {}, PATIENT));
  fireEvent.press(await findId("worker-place-1"));
  await findId("event-2");
  fireEvent.changeText(screen.getByTestId("request"), "half a sentence");
  fireEvent.press(screen.getByText("Show the document"));
  for (const lane of ["khala", "legacy", "khala"]) {
    await setFlag("--lane", lane);
    await findId(`lane-${lane}`);
    await says(lane === "khala" ? "Live" : "Every 12 s");
    expect(place.get()).toMatchObject({ view: "workers", worker: "place-1", filter: "running" });
    expect(screen.getByTestId("request").props["value"]).toBe("half a sentence");
    expect(screen.getByTestId("snapshot")).toBeOnTheScreen();
    expect(screen.getByTestId("event-2")).toBeOnTheScreen();
  }
  await database().append("place-1", "worker.busy", { task: "seen by the new lane" });
  await findId("event-3");
  await setFlag("--nobody");
  await findId("lane-legacy");
});

test("with the Khala lane nothing polls for workers; without it the list comes every 12 seconds", async () => {
  await database().start("poll-1");
  await start(await accountOf(cables()));
  await says("Live");
  await findText("lag 0");
  traffic.requests = [];
  // Four flags are more than twelve seconds.
  await waitFor(() => expect(traffic.requests.filter(isFlag).length).toBe(4), PATIENT);
  expect(traffic.requests.filter((each) => !isFlag(each))).toEqual([]);

  await setFlag("--lane", "legacy");
  await says("Every 12 s");
  traffic.requests = [];
  await database().append("poll-1", "worker.busy", { task: "found by the next list" });
  await findText("found by the next list");
  expect(traffic.requests.filter(isList)).toHaveLength(1);
});

test("a flag that cannot be read leaves the lane that the application was built with", async () => {
  await database().start("built-1");
  await setFlag("--lane", "legacy", "--person", "ann");
  traffic.intercept = async (request, go) => {
    if (isFlag(request)) {
      throw new Error("cannot be read");
    }
    return go();
  };
  await start(await accountOf(cables()));
  await findId("lane-khala");
  await findId("worker-built-1");
  traffic.intercept = null;
  await findId("lane-legacy");
});
