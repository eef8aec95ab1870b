import { startKhala } from "./khala-dev";

/** Starts the server of the run; Jest's teardown ends it, Playwright calls what is returned. */
export default async function setup(): Promise<() => Promise<void>> {
  const stop = await startKhala();
  Object.assign(globalThis, { khalaStop: stop });
  return stop;
}
