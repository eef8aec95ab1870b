/** Ends the server of a run of Jest. */
export default async function teardown(): Promise<void> {
  await (globalThis as unknown as { khalaStop: () => Promise<void> }).khalaStop();
}
