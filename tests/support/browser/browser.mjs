// Chromium for a test: takes a JSON object a line, does it, answers with one.
// Arguments: folder of the package that has Playwright, path of Chromium, options of Chromium.
// Pages have names; each is opened by `open` at a size of its own.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [, , folder, executablePath, ...args] = process.argv;
const { chromium } = createRequire(join(folder, "package.json"))("playwright-core");

// Of starts and page loads, on a busy machine.
const timeout = 180_000;
const browser = await chromium.launch({ executablePath, args, timeout });
const pages = new Map();

async function open({ url, page: name = "main", width = 1280, height = 800 }) {
  const page = await browser.newPage({ viewport: { width, height } });
  const requested = [];
  page.on("request", (request) => requested.push(request.url()));
  page.on("websocket", (socket) => requested.push(socket.url()));
  pages.set(name, { page, requested });
  await page.goto(url, { timeout });
  return null;
}

const actions = {
  go: ({ page }, { url }) => page.goto(url, { timeout }).then(() => null),
  wait: ({ page }, { selector, ms }) =>
    page.waitForSelector(selector, { timeout: ms }).then(() => null),
  count: ({ page }, { selector }) => page.locator(selector).count(),
  attribute: ({ page }, { selector, name }) => page.locator(selector).first().getAttribute(name),
  texts: ({ page }, { selector }) => page.locator(selector).allInnerTexts(),
  fill: ({ page }, { selector, text }) => page.fill(selector, text).then(() => null),
  click: ({ page }, { selector }) => page.click(selector).then(() => null),
  picture: ({ page }, { file }) => page.screenshot({ path: file }).then(() => null),
  /** Every address that the page has asked for. */
  requested: ({ requested }) => requested,
  /** Looks out for a text; `seen` has the moment, in milliseconds since 1970, when it was there. */
  watch: ({ page }, { text }) =>
    page.evaluate((wanted) => {
      const isThere = () => document.body.innerText.includes(wanted);
      globalThis.seen = new Promise((resolve) => {
        const look = () => (isThere() ? resolve(Date.now()) : requestAnimationFrame(look));
        look();
      });
      return null;
    }, text),
  seen: ({ page }) => page.evaluate(() => globalThis.seen),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { action, page = "main", ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = {
      value: await (action === "open"
        ? open({ page, ...rest })
        : actions[action](pages.get(page), rest)),
    };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
