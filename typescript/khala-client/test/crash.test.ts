/** Killed at any moment: what is stored has no hole, and following resumes from there. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { asyncStorageStore, type KhalaStore, type Stored } from "../src/index.js";
import { fileStorage } from "./harness/file-storage.js";
import { connect, type Database, openDatabase, server, token } from "./harness/server.js";
import { openSqlite } from "./harness/sqlite.js";
import { documents, plain } from "./harness/waiting.js";

const CRASHES = 8;
const directory = mkdtempSync(join(tmpdir(), "khala-crash-"));
// Beside node_modules, where it finds its packages.
const program = resolve(`node_modules/.cache/crash-child-${process.pid}.mjs`);
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
  rmSync(program, { force: true });
});
beforeAll(() =>
  build({
    entryPoints: [resolve("test/harness/crash-child.ts")],
    outfile: program,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
  }),
);

function open(kind: string, place: string): KhalaStore {
  return kind === "sqlite" ? openSqlite(place) : asyncStorageStore(fileStorage(place));
}

/** Starts a follower; resolves once it has shown documents `changes` times. */
function follow(
  kind: string,
  place: string,
  topic: string,
  changes: number,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, kind, place, topic, server.ws, token([topic])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the follower ended with ${code}`)));
    child.stdout?.on("data", (data) => {
      changes -= String(data).split("\n").length - 1;
      if (changes <= 0) {
        resolve(child);
      }
    });
  });
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** Writes new versions and tombstones of a few documents, until told to stop. */
function keepWriting(database: Database, topic: string) {
  let goesOn = true;
  onTestFinished(() => {
    goesOn = false;
    return done;
  });
  let version = 0;
  const done = (async () => {
    while (goesOn) {
      version++;
      const batch = Array.from({ length: 5 }, () => ({
        doc_key: `d${Math.floor(Math.random() * 40)}`,
        doc_version: version,
        ...(Math.random() < 0.2
          ? { deleted: true }
          : { payload: { version, fill: "x".repeat(500) } }),
      }));
      const each = [...new Map(batch.map((one) => [one.doc_key, one])).values()];
      await database.value(
        "SELECT count(*) FROM khala.sink_batch($1, $2)",
        topic,
        JSON.stringify(each),
      );
    }
  })();
  return () => {
    goesOn = false;
    return done;
  };
}

/** Everything that the watermark covers is there, or something newer of the same document. */
async function expectNoHole(database: Database, topic: string, stored: Stored): Promise<void> {
  const { rows } = await database.client.query(
    `SELECT DISTINCT ON (doc_key) doc_key, doc_version, deleted FROM runtime.sync_stream_events
     WHERE topic = $1 AND watermark <= $2 ORDER BY doc_key, watermark DESC`,
    [topic, String(stored.cursor.watermark)],
  );
  const versions = new Map(stored.versions.map((one) => [one.docKey, one.docVersion]));
  const missing = rows.filter(({ doc_key, doc_version, deleted }) => {
    const version = versions.get(doc_key);
    // A snapshot holds no tombstones: what was deleted before it is nowhere.
    return version === undefined ? !deleted : version < BigInt(doc_version);
  });
  expect(missing).toEqual([]);
}

test.each([
  ["sqlite", 1],
  ["sqlite", 2],
  ["files", 1],
])("%s, %i at once", { timeout: 120_000 }, async (kind, followers) => {
  const database = await openDatabase();
  const reader = await openDatabase();
  const topic = await database.topic();
  await database.sink(topic, "d0", 0, { version: 0 }, null);
  const place = join(directory, `${kind}-${followers}`);
  if (kind === "files") {
    mkdirSync(place);
  }
  const stop = keepWriting(database, topic);
  let watermark = -1n;
  let moved = 0;
  // A process that dies before it has stored anything shows nothing: go on until enough of them had.
  for (let crash = 0; crash < CRASHES || moved <= CRASHES / 2; crash++) {
    const children = await Promise.all(
      Array.from({ length: followers }, () =>
        follow(kind, place, topic, 2 + Math.floor(Math.random() * 30)),
      ),
    );
    await Promise.all(children.map(kill));
    const store = open(kind, place);
    const stored = await store.load(topic);
    await store.close();
    if (stored !== null) {
      expect(stored.cursor.watermark >= watermark).toBe(true);
      moved += Number(stored.cursor.watermark > watermark);
      ({ watermark } = stored.cursor);
      await expectNoHole(reader, topic, stored);
    }
  }
  await stop();

  const khala = connect({ token: token([topic]), store: open(kind, place) });
  const phases = new Set<string>();
  khala.topic(topic).onStatus(({ phase }) => phases.add(phase));
  const authority = await reader.documents(topic);
  const expected = JSON.stringify(authority);
  await documents(khala.topic(topic), (found) => JSON.stringify(plain(found)) === expected);
  expect(phases).not.toContain("recovering");
});
