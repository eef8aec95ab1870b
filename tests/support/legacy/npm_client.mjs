// Process that speaks to the stand-in with npm `convex`, and prints a report of what it got.
// Arguments: folder of the package that has convex, http or socket, URL, admin key, bearer token.
// python_client.py does the same.
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , folder, kind, url, adminKey, token] = process.argv;
const require = createRequire(join(folder, "package.json"));
const { ConvexClient, ConvexHttpClient } = require("convex/browser");
const { ConvexError, convexToJson } = require("convex/values");

const opened = [];
const options = { skipConvexDeploymentUrlCheck: true, logger: false };
function connect(authenticate) {
  const client = kind === "http" ? new ConvexHttpClient(url, options) : new ConvexClient(url, options);
  authenticate(client);
  opened.push(client);
  return client;
}

/** Which error a call ends with. */
async function failure(call) {
  try {
    await call;
  } catch (error) {
    return error instanceof ConvexError
      ? { message: error.message, data: error.data }
      : { message: error.message };
  }
  throw new Error("the call was expected to fail");
}

const asAdmin = (key) => (client) =>
  kind === "http" ? client.setAdminAuth(key) : client.client.setAdminAuth(key);
const asUser = (client) =>
  kind === "http" ? client.setAuth(token) : client.setAuth(async () => token);

const client = connect(asAdmin(adminKey));
const run = { document_id: "runtime/run_summary:r1" };
const summary = { latest_seq: 3, status: "running", progress: { done: 0.25 } };
const report = {
  values: await client.mutation("tests:echo", await client.query("tests:values", {})),
  who: await client.query("tests:who", {}),
  upserted: await client.mutation("runtime:upsertRunSummary", { ...run, summary }),
  stored: await client.query("runtime:getRunSummary", run),
  missing: await client.query("runtime:getRunSummary", { document_id: "none" }),
  refused_mutation: await failure(client.mutation("tests:refuse", {})),
  refused_query: await failure(client.query("tests:refuse", {})),
  failed: await failure(client.mutation("tests:fail", {})),
  unknown: await failure(client.query("tests:unknown", {})),
};
if (kind === "socket") {
  const updates = [];
  let wake = () => {};
  client.onUpdate("runtime:getRunSummary", run, (update) => {
    updates.push(update);
    wake();
  });
  const next = async () => {
    while (updates.length === 0) {
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
    return updates.shift();
  };
  report.before = await next();
  const later = { ...summary, latest_seq: 4 };
  await client.mutation("runtime:upsertRunSummary", { ...run, summary: later });
  report.after = await next();
} else {
  report.unavailable = await failure(client.mutation("tests:unavailable", {}));
  const stranger = connect(asAdmin("another"));
  report.stranger = await failure(stranger.query("tests:who", {}));
}
report.user = await connect(asUser).query("tests:who", {});
if (kind === "socket") {
  await Promise.all(opened.map((each) => each.close()));
}
console.log(JSON.stringify(convexToJson(report)));
