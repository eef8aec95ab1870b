/** Requests to workers: shown at once, taken back when they are refused, carried out once. */

import { fireEvent, screen, waitFor } from "@testing-library/react-native";
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

const { database, cables } = onServer();
const STOPS = /^POST .*\/stop$/;
const REQUESTS = /^POST .*\/requests$/;

/** Opens the worker of a running application. */
async function open(id: string): Promise<void> {
  await database().start(id);
  await start(await accountOf(cables()));
  await says("Live");
  fireEvent.press(await findId(`worker-${id}`));
  await findId("event-2");
}

function stop(reason: string): void {
  fireEvent.press(screen.getByText("Stop worker…"));
  fireEvent.changeText(screen.getByTestId("reason"), reason);
  fireEvent.press(screen.getByText("Stop worker"));
}

/** Holds the requests that match until the returned function is called. */
function hold(pattern: RegExp): () => void {
  let release = () => {};
  const gate = new Promise<void>((done) => {
    release = done;
  });
  traffic.intercept = async (request, go) => {
    if (pattern.test(request)) {
      await gate;
    }
    return go();
  };
  return release;
}

test("stop is shown before the server has answered, and stands when it has", async () => {
  await open("w-1");
  const release = hold(STOPS);
  stop("no longer needed");
  await findText("It is stopping.");
  expect(screen.getAllByText("stopping").length).toBeGreaterThan(0);
  expect(await database().count("w-1", "worker.stop_requested")).toBe(0);
  release();
  await findId("event-3");
  expect(screen.getByText("no longer needed")).toBeOnTheScreen();
  expect(screen.getByText("It is stopping.")).toBeOnTheScreen();
  expect(await database().count("w-1", "worker.stop_requested")).toBe(1);
});

test("a stop that does not arrive is taken back; trying again stops once", async () => {
  await open("w-2");
  cables().http.pull();
  const release = hold(STOPS);
  stop("");
  await findText("It is stopping.");
  release();
  await findText("It was not stopped");
  expect(screen.getByText("Stop worker…")).toBeOnTheScreen();
  expect(screen.queryByText("stopping")).toBeNull();
  cables().http.plug();
  fireEvent.press(screen.getByText("Try again"));
  await findText("It is stopping.");
  await findId("event-3");
  expect(screen.queryByTestId("action-failed")).toBeNull();
  expect(await database().count("w-2", "worker.stop_requested")).toBe(1);
});

test("a request whose response is lost is carried out once", async () => {
  await open("w-3");
  traffic.intercept = async (request, go) => {
    const response = await go();
    if (REQUESTS.test(request)) {
      throw new Error("the response is lost");
    }
    return response;
  };
  fireEvent.changeText(screen.getByTestId("request"), "Fix the test");
  fireEvent.press(screen.getByText("Send request"));
  await findText("The request was not sent");
  await waitFor(() => expect(screen.getByTestId("request").props["value"]).toBe("Fix the test"));
  await findId("event-3");
  traffic.intercept = null;
  fireEvent.press(screen.getByText("Try again"));
  await waitFor(() => expect(screen.queryByTestId("action-failed")).toBeNull(), PATIENT);
  expect(traffic.requests.filter((each) => REQUESTS.test(each))).toHaveLength(2);
  expect(await database().count("w-3", "worker.requested")).toBe(1);
  const [row] = await database().query(
    "SELECT payload FROM runtime.codex_worker_events WHERE id = 'w-3' AND seq = 3",
  );
  expect(row?.["payload"]).toEqual({
    request: { method: "turn/start", params: { text: "Fix the test" } },
    requested_by: "ann",
  });
});

test("a request is shown while it is on its way; JSON goes as it is, and no JSON goes nowhere", async () => {
  await open("w-4");
  const release = hold(REQUESTS);
  fireEvent.changeText(screen.getByTestId("request"), '{"method": "ping"');
  fireEvent.press(screen.getByText("Send request"));
  await findText(/^This is no JSON/);
  fireEvent.changeText(screen.getByTestId("request"), '{"method": "ping"}');
  fireEvent.press(screen.getByText("Send request"));
  await findId("action-pending");
  expect(screen.getByTestId("request").props["value"]).toBe("");
  release();
  await findId("event-3");
  await waitFor(() => expect(screen.queryByTestId("action-pending")).toBeNull(), PATIENT);
});

test("a refusal is shown in the server's words", async () => {
  await open("w-5");
  const release = hold(STOPS);
  stop("");
  await findText("It is stopping.");
  await database().append("w-5", "worker.finished", { exit_code: 0 });
  await findText("It has ended and takes no requests.");
  release();
  await findText(/is stopped\. Start it again first/);
  fireEvent.press(screen.getByText("Dismiss"));
  await waitFor(() => expect(screen.queryByTestId("action-failed")).toBeNull());
});

test("a second tap, before anything is drawn, sends nothing a second time", async () => {
  await open("w-6");
  const release = hold(/^POST /);
  fireEvent.changeText(screen.getByTestId("request"), "once");
  const send = screen.getByText("Send request");
  fireEvent.press(send);
  fireEvent.press(send);
  fireEvent.press(screen.getByText("Stop worker…"));
  const press = await screen.findByText("Stop worker", {}, PATIENT);
  fireEvent.press(press);
  fireEvent.press(press);
  await findText("It is stopping.");
  release();
  await findId("event-4");
  await waitFor(() => expect(screen.queryByTestId("action-pending")).toBeNull(), PATIENT);
  const posts = (pattern: RegExp) => traffic.requests.filter((each) => pattern.test(each));
  expect([posts(REQUESTS).length, posts(STOPS).length]).toEqual([1, 1]);
  expect(await database().count("w-6", "worker.requested")).toBe(1);
  expect(await database().count("w-6", "worker.stop_requested")).toBe(1);
});
