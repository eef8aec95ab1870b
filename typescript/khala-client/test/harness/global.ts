/** Starts a Postgres and a relay for the whole run: `khala dev`, as anybody would. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TestProject } from "vitest/node";

/** What the tests need to know of the server. */
export interface Server {
  readonly database: string;
  readonly ws: string;
  readonly http: string;
  readonly keyring: string;
  readonly pid: number;
  readonly relayLog: string;
}

declare module "vitest" {
  interface ProvidedContext {
    server: Server;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const program = process.env["KHALA_BIN"] ?? resolve("../../.venv/bin/khala");
  const directory = await mkdtemp(join(tmpdir(), "khala-client-"));
  const child = spawn(
    program,
    ["dev", "--json", `--data-dir=${directory}`, "--ws-port=0", "--http-port=0"],
    { stdio: ["ignore", "pipe", "inherit"], env: withoutKhala() },
  );
  await firstLine(child, program);
  const state = JSON.parse(await readFile(join(directory, "dev.json"), "utf8"));
  project.provide("server", { ...state, relayLog: join(directory, "relay.log") });
  return async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
}

function firstLine(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Error(`${program}: ${error.message}; set KHALA_BIN`)),
    );
    child.once("exit", (code) => reject(new Error(`${program} dev ended with ${code}`)));
    if (child.stdout !== null) {
      createInterface(child.stdout).once("line", resolve);
    }
  });
}

/** The environment without what would lead `khala` to another server. */
function withoutKhala(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("KHALA_")),
  );
}
