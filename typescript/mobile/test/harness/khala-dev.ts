/** A Postgres and a relay for a whole run of tests, and a key for it: as anybody would start them. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** What the tests need to know of the server. */
export interface Ready {
  readonly database: string;
  readonly ws: string;
  readonly http: string;
  /** An API key of the organisation `dev` for everything that the application does. */
  readonly key: string;
  /** The file with the keys that sign tokens. */
  readonly keyring: string;
}

export const PROGRAM =
  process.env["KHALA_BIN"] ?? resolve(__dirname, "../../../../.venv/bin/khala");

/** Starts it, and puts what it is into the environment; the returned function ends it. */
export async function startKhala(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "khala-mobile-"));
  const child = spawn(
    PROGRAM,
    ["dev", "--json", `--data-dir=${directory}`, "--ws-port=0", "--http-port=0"],
    { stdio: ["ignore", "pipe", "inherit"], env: withoutKhala() },
  );
  const stop = async () => {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  const { database, ws, http } = JSON.parse(await firstLine(child));
  try {
    const key = await createKey(
      database,
      "runtime.codex_worker_summaries",
      "runtime.run_summaries",
      "runtime.operate",
    );
    const { keyring } = JSON.parse(await readFile(join(directory, "dev.json"), "utf8"));
    process.env["KHALA_READY"] = JSON.stringify({ database, ws, http, key, keyring });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Another API key of the organisation `dev`, for these topics. */
export async function createKey(database: string, ...topics: string[]): Promise<string> {
  const printed = await khala(
    ...["key", "create", "phone", "--org", "dev", "--subject", "ann"],
    ...topics.flatMap((topic) => ["--topic", topic]),
    ...["--database", database],
  );
  return printed.trim();
}

/** The server of the run. */
export function ready(): Ready {
  return JSON.parse(process.env["KHALA_READY"] ?? "null");
}

/** Runs the program; what it prints. */
export async function khala(...argv: string[]): Promise<string> {
  return (await promisify(execFile)(PROGRAM, argv, { env: withoutKhala() })).stdout;
}

/** Sets the flag of this surface. */
export async function setFlag(...options: string[]): Promise<void> {
  await khala("flags", "set", "mobile", ...options, "--database", ready().database);
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    child.once("error", (error) => fail(new Error(`${PROGRAM}: ${error.message}; set KHALA_BIN`)));
    child.once("exit", (code) => fail(new Error(`${PROGRAM} dev ended with ${code}`)));
    if (child.stdout !== null) {
      createInterface(child.stdout).once("line", done);
    }
  });
}

/** The environment without what would lead `khala` to another server. */
function withoutKhala(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("KHALA_")),
  ) as NodeJS.ProcessEnv;
}
