/** The connections of a client: one, and further ones while several parts of one topic are followed. */

import type { AnyKhalaError } from "../errors.js";
import type { Topic } from "../topics/topic.js";
import { Line, type LineOptions } from "./line.js";

export class Lines {
  /** Stays, whether it serves anything or not. */
  readonly first: Line;
  readonly #options: LineOptions;
  #lines: readonly Line[];

  constructor(options: LineOptions) {
    this.#options = options;
    this.first = new Line(options);
    this.#lines = [this.first];
  }

  connect(): void {
    for (const line of this.#lines) {
      line.connect();
    }
  }

  disconnect(): void {
    for (const line of this.#lines) {
      line.disconnect();
    }
  }

  wake(): void {
    for (const line of this.#lines) {
      line.wake();
    }
  }

  /** A topic is followed from now on: it goes where no other part of the topic is followed. */
  add(topic: Topic): void {
    const line = this.#of(topic) ?? this.#lines.find((each) => isFree(each, topic)) ?? this.#open();
    const standing = line.topics.get(topic.name);
    line.topics.set(topic.name, topic);
    if (standing !== topic) {
      standing?.rest();
    }
    topic.connect(line.link);
    line.activated();
  }

  /** A topic is followed no longer: a further connection without any other ends. */
  rest(): void {
    const [first, ...further] = this.#lines;
    const idle = further.filter((line) => !line.isFollowing());
    this.#lines = this.#lines.filter((line) => line === first || !idle.includes(line));
    for (const line of idle) {
      line.disconnect();
    }
  }

  /** The reason why a topic would not be followed; null if it would. */
  refusal(topic: Topic): AnyKhalaError | null {
    const { state, error } = (this.#of(topic) ?? this.first).status.get();
    return state === "error" ? error : null;
  }

  #of(topic: Topic): Line | undefined {
    return this.#lines.find((line) => line.topics.get(topic.name) === topic);
  }

  #open(): Line {
    const line = new Line(this.#options);
    line.isWanted = this.first.isWanted;
    this.#lines = [...this.#lines, line];
    return line;
  }
}

function isFree(line: Line, topic: Topic): boolean {
  const standing = line.topics.get(topic.name);
  return standing === undefined || !standing.hasListeners;
}
