/** A TCP proxy before the relay's socket port: a cable that can be pulled out. */

import { connect, createServer, type Server, type Socket } from "node:net";

export class Cable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOut = false;

  private constructor(target: URL) {
    this.#server = createServer((near) => {
      if (this.#isOut) {
        near.destroy();
        return;
      }
      const far = connect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => one.destroy());
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static async open(target: string): Promise<Cable> {
    const cable = new Cable(new URL(target));
    await new Promise<void>((done) => cable.#server.listen(0, "127.0.0.1", done));
    return cable;
  }

  /** The address to use instead of the target's. */
  through(target: string): string {
    const address = this.#server.address();
    const url = new URL(target);
    url.port = typeof address === "object" && address !== null ? String(address.port) : "";
    return url.href;
  }

  pull(): void {
    this.#isOut = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  plug(): void {
    this.#isOut = false;
  }

  close(): void {
    this.pull();
    this.#server.close();
  }
}
