/** How fluent the table is while a thousand documents change, against the same without the page's part. */

import { expect, isLive, open, test } from "./harness/fixtures";
import type { Database, Written } from "./harness/server";

const DOCUMENTS = 1_000;
const CHANGES_PER_S = 50;
/** How many documents one change touches: each of them changes every two seconds. */
const AT_ONCE = 10;
const WATCHED_MS = 1_500;
const FEWEST_PAIRS = 3;
/** Noise that hits one half of a pair only is outvoted by more of them; a page too slow is not. */
const MOST_PAIRS = 11;
/** Of the peer's frames: 30 a second where a display shows 60. */
const LEAST_SHARE = 0.5;
/** Of the page, and of somebody else: the page may not see theirs. */
const OWN = "dev";
const OTHER = "elsewhere";

test.setTimeout(120_000);

// Judged against a peer in the same run, because how many frames a machine can draw is its own
// affair: the same page, scrolled the same way, while the database writes as many documents at the
// same pace, of another organisation. Whatever else runs there takes frames from both.
test("1,000 documents change 50 times a second: at least half the frames of a page at rest", async ({
  page,
  database,
}) => {
  const own = new Writer(database, OWN);
  const other = new Writer(database, OTHER);
  await own.fill();
  await other.fill();
  await open(page);
  await expect(page.getByTestId("total")).toHaveText(DOCUMENTS.toLocaleString("en-US"));
  expect(await page.locator(".row").count()).toBeLessThan(60);

  const watch = async (writer: Writer) => {
    const written = writer.during(() => page.evaluate(watchFrames, WATCHED_MS));
    const { fps, worstMs, pace } = await written;
    const whose = writer === own ? "seen  " : "unseen";
    console.log(
      `  ${whose} ${fps.toFixed(1)} frames a second (longest pause ${worstMs.toFixed(0)} ms) at ` +
        `${pace.toFixed(0)} changes a second of ${AT_ONCE} documents each`,
    );
    return { fps, pace };
  };
  await watch(own);
  const frames: number[] = [];
  const paces: number[] = [];
  const isEnough = () => frames.length >= FEWEST_PAIRS && median(frames) >= LEAST_SHARE;
  for (let number = 0; number < MOST_PAIRS && !isEnough(); number++) {
    // Each is first as often as the other: neither profits from a machine that becomes quieter.
    const isOwnFirst = number % 2 === 1;
    const first = await watch(isOwnFirst ? own : other);
    const second = await watch(isOwnFirst ? other : own);
    const [seen, unseen] = isOwnFirst ? [first, second] : [second, first];
    frames.push(seen.fps / unseen.fps);
    paces.push(seen.pace / unseen.pace);
  }
  const share = median(frames);
  console.log(`  ${(share * 100).toFixed(0)} % of the frames while nothing that it sees changes`);
  expect(share).toBeGreaterThanOrEqual(LEAST_SHARE);
  // Else the database wrote less because the page took its time, and the frames prove nothing.
  expect(median(paces)).toBeGreaterThanOrEqual(LEAST_SHARE);

  await isLive(page);
  const head = "SELECT head_watermark FROM khala.topic_stats WHERE topic = 'runtime.run_summaries'";
  const [stats] = await database.query(head);
  await expect(page.getByTestId("watermark-runs")).toHaveText(String(stats?.["head_watermark"]));
  const top = page.locator(".row[aria-rowindex='2']");
  const docKey = String(await top.getAttribute("data-key"));
  await expect(top).toHaveAttribute("data-version", String(own.versionOf(docKey)));
});

/** Counts frames while the table is scrolled up and down. */
async function watchFrames(duration: number) {
  const table = document.querySelector<HTMLElement>("[data-testid=table]");
  const times: number[] = [];
  await new Promise<void>((done) => {
    const frame = (now: number) => {
      times.push(now);
      const isOver = now - (times[0] ?? now) >= duration;
      if (table !== null) {
        const place = isOver ? 0 : 1 - Math.cos((now - (times[0] ?? now)) / 800);
        table.scrollTop = 15_000 * place;
      }
      if (isOver) {
        done();
      } else {
        requestAnimationFrame(frame);
      }
    };
    requestAnimationFrame(frame);
  });
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return { fps: ((times.length - 1) * 1000) / (last - first), worstMs: Math.max(...pauses) };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  // Of an even number the lower one.
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** Writes the documents of one organisation, the same ones again and again. */
class Writer {
  readonly #database: Database;
  readonly #org: string;
  #changes = 0;

  constructor(database: Database, org: string) {
    this.#database = database;
    this.#org = org;
  }

  fill(): Promise<void> {
    return this.#database.sink(this.#documents(0, DOCUMENTS, 1));
  }

  versionOf(docKey: string): number {
    const number = Number(docKey.slice(-4));
    return 1 + Math.ceil((this.#changes * AT_ONCE - number) / DOCUMENTS);
  }

  /** Changes documents at the pace asked for until `work` is done. */
  async during<T>(work: () => Promise<T>): Promise<T & { readonly pace: number }> {
    let isOver = false;
    const working = work().finally(() => {
      isOver = true;
    });
    const start = performance.now();
    const before = this.#changes;
    while (!isOver) {
      const from = (this.#changes * AT_ONCE) % DOCUMENTS;
      const version = 2 + Math.floor((this.#changes * AT_ONCE) / DOCUMENTS);
      await this.#database.sink(this.#documents(from, from + AT_ONCE, version));
      this.#changes++;
      const due = start + ((this.#changes - before) * 1000) / CHANGES_PER_S;
      await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
    }
    const pace = ((this.#changes - before) * 1000) / (performance.now() - start);
    return { ...(await working), pace };
  }

  /** Summaries as the projection makes them; it alone would take a database of its own at this pace. */
  #documents(from: number, end: number, version: number): Written[] {
    return Array.from({ length: end - from }, (_, offset) => {
      const id = `${this.#org}-${String(from + offset).padStart(4, "0")}`;
      const payload = {
        kind: "run_summary",
        run_id: id,
        status: version % 5 === 0 ? "waiting" : "running",
        title: `document ${from + offset}`,
        command: ["make", "-j4"],
        progress: { lines: version * 10, last_line: `line ${version * 10} of ${from + offset}` },
        started_at: "2026-01-01T00:00:00Z",
        latest_event_at: new Date().toISOString(),
        event_count: version,
      };
      return {
        doc_key: `runtime/run_summary:${id}`,
        doc_version: version,
        payload,
        org_id: this.#org,
      };
    });
  }
}
