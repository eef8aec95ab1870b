/** The web export at the size of a phone. */

import { expect, isLive, signIn, test } from "./fixtures";

test("signs in, shows the workers live, and loads no code of the legacy lane", async ({
  page,
  database,
  cables,
  site,
}) => {
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url()));
  await database.start("w-1", { title: "fixes tests", workspace: "/src/app" });
  await signIn(page, site, cables);
  await isLive(page);
  const row = page.getByTestId("worker-w-1");
  await expect(row).toContainText("fixes tests");
  await expect(row).toContainText("lag 0");
  await database.append("w-1", "worker.busy", { task: "issue 14" });
  await expect(row).toContainText("issue 14");
  await expect(row).toContainText("seq 3");
  const loaded = (name: RegExp) => scripts.filter((url) => name.test(url));
  expect(loaded(/\/khala-[^/]*\.js/)).toHaveLength(1);
  expect(loaded(/\/legacy-[^/]*\.js/)).toEqual([]);
});
