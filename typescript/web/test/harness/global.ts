/** Starts a Postgres and a relay that serves the built page: `khala dev`, as anybody would. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Ready } from "./server";

export default async function setup(): Promise<() => Promise<void>> {
  const program = process.env["KHALA_BIN"] ?? resolve("../../.venv/bin/khala");
  const directory = await mkdtemp(join(tmpdir(), "khala-web-"));
  const child = spawn(
    program,
    [
      ...["dev", "--json", `--data-dir=${directory}`, `--web-dir=${resolve("dist")}`],
      ...["--ws-port=0", "--http-port=0"],
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: withoutKhala() },
  );
  const ready: Ready = JSON.parse(await firstLine(child, program));
  process.env["KHALA_READY"] = JSON.stringify(ready);
  return async () => {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
}

function firstLine(child: ChildProcess, program: string): Promise<string> {
  return new Promise((done, fail) => {
    child.once("error", (error) => fail(new Error(`${program}: ${error.message}; set KHALA_BIN`)));
    child.once("exit", (code) => fail(new Error(`${program} dev ended with ${code}`)));
    if (child.stdout !== null) {
      createInterface(child.stdout).once("line", done);
    }
  });
}

/** The environment without what would lead `khala` to another server. */
function withoutKhala(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("KHALA_")),
  );
}
