// Chromium for a drill: takes a JSON object a line, does it, answers with one.
// Arguments: folder of the package that has Playwright, path of Chromium.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [, , folder, executablePath] = process.argv;
const { chromium } = createRequire(join(folder, "package.json"))("playwright-core");

const browser = await chromium.launch({ executablePath });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });

const actions = {
  open: ({ url }) => page.goto(url).then(() => null),
  wait: ({ selector, ms }) => page.waitForSelector(selector, { timeout: ms }).then(() => null),
  count: ({ selector }) => page.locator(selector).count(),
  attribute: ({ selector, name }) => page.locator(selector).first().getAttribute(name),
  texts: ({ selector }) => page.locator(selector).allInnerTexts(),
  click: ({ selector }) => page.click(selector).then(() => null),
  picture: ({ file }) => page.screenshot({ path: file }).then(() => null),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { action, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { value: await actions[action](rest) };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
