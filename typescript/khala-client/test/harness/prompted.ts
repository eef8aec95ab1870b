import WebSocket from "ws";

/** A socket to the live server that can be made to say what the server did not. */
export class Prompted extends WebSocket {
  static last: Prompted | undefined;
  /** What the server said. */
  readonly heard: string[] = [];

  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    Prompted.last = this;
    this.on("message", (data) => this.heard.push(String(data)));
  }

  say(event: string, payload: object, joinRef: string | null = null): void {
    const data = JSON.stringify([joinRef, null, "sync:v1", event, payload]);
    this.onmessage?.({ data } as never);
  }

  end(code: number, reason: string): void {
    this.onclose?.({ code, reason } as never);
  }
}
