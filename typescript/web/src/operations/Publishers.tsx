import { count, counted, duration } from "../quantities";
import { quoted } from "./Command";
import {
  left,
  type Publisher,
  type PublisherState,
  type Publishers as PublishersData,
  type PublisherTopic,
  type SetAside,
} from "./rows";
import { type Column, Table } from "./Table";
import { Time } from "./Time";
import { Commands, Empty, Read } from "./View";

const TOPICS: readonly Column<PublisherTopic>[] = [
  {
    label: "Topic",
    draw: ({ topic, target }) => (
      <>
        <span className="id">{topic}</span>
        {target !== null && <span className="title">to {target}</span>}
      </>
    ),
  },
  { label: "Left", kind: "number", draw: (row) => count(left(row)) },
  {
    label: "Oldest",
    kind: "number",
    draw: (row) => (row.oldest_age_s > 0 ? duration(row.oldest_age_s) : "–"),
  },
  { label: "Retrying", kind: "number", draw: ({ retrying }) => <Alert value={retrying} /> },
  { label: "Set aside", kind: "number", draw: ({ set_aside }) => <Alert value={set_aside} /> },
  { label: "Delivered", kind: "number", draw: ({ delivered }) => count(delivered) },
  { label: "Failed tries", kind: "number", draw: ({ failed }) => count(failed) },
  { label: "Snapshots", kind: "number", draw: ({ resyncs }) => count(resyncs) },
  { label: "Overtaken", kind: "number", draw: ({ overtaken }) => count(overtaken) },
];

const ASIDE: readonly Column<SetAside>[] = [
  {
    label: "Document",
    draw: ({ doc_key, topic, deleted }) => (
      <>
        <span className="id">{doc_key}</span>
        <span className="title">
          {topic}
          {deleted && ", a tombstone"}
        </span>
      </>
    ),
  },
  { label: "Reason", kind: "long", draw: ({ reason }) => <span className="words">{reason}</span> },
  { label: "Version", kind: "number", draw: ({ doc_version }) => count(doc_version) },
  { label: "Tries", kind: "number", draw: ({ attempts }) => count(attempts) },
  { label: "Since", draw: ({ set_aside_at }) => <Time at={set_aside_at} /> },
];

/** Publishers, what each has not delivered, and what was refused for good. */
export function Publishers() {
  return (
    <Read<PublishersData> path="/api/admin/publishers">
      {({ publishers, set_aside }) =>
        publishers.length === 0 ? (
          <Empty command="khala publish orders --to webhook --url https://example.com/hook --topic shop.orders">
            Nothing is published to another system. Publish a topic as webhooks:
          </Empty>
        ) : (
          publishers.map((each) => (
            <Card
              key={each.publisher}
              {...each}
              aside={set_aside.filter(({ publisher }) => publisher === each.publisher)}
            />
          ))
        )
      }
    </Read>
  );
}

const MEANING: Readonly<Record<PublisherState, string>> = {
  running: "It delivers.",
  resyncing: "It delivers a snapshot of the current documents, and goes on from there.",
  down: "The other system does not accept anything: one update at a time is tried.",
  stopped: "Nobody works for it. What is written waits.",
  paused: "It delivers nothing until it is resumed. What is written waits.",
};
const PILLS: Readonly<Record<PublisherState, string>> = {
  running: "good",
  resyncing: "warning",
  down: "bad",
  stopped: "bad",
  paused: "warning",
};

type Named = readonly [what: string, command: string];

function commandsOf({ publisher, kind, state, topics }: Publisher): readonly Named[] {
  const name = quoted(publisher);
  // A mutation has no default, as the type of an event of a webhook has.
  const target = kind === "webhook" ? "" : " --target shop:upsertOrder";
  const add: Named = ["Add a topic", `khala publishers set ${name} --topic shop.orders${target}`];
  if (topics.length === 0) {
    return [add];
  }
  switch (state) {
    case "stopped":
      return [["Have it deliver", `khala publish ${name}`], add];
    case "paused":
      return [["Resume it", `khala publishers resume ${name}`], add];
    case "down":
      return [["Try at once", `khala publishers resume ${name}`], add];
    default:
      return [["Pause it", `khala publishers pause ${name}`], add];
  }
}

interface CardProps extends Publisher {
  readonly aside: readonly SetAside[];
}

function Card({ aside, ...publisher }: CardProps) {
  const { publisher: name, kind, url, state, topics } = publisher;
  const total = topics.reduce((sum, each) => sum + each.set_aside, 0);
  return (
    <section className="card" aria-labelledby={`publisher-${name}`} data-publisher={name}>
      <div className="card-head">
        <h2 id={`publisher-${name}`}>
          {name} <span className={`pill ${PILLS[state]}`}>{state}</span>
        </h2>
        <span className="quiet words">
          {kind}, {url}
        </span>
      </div>
      <p>
        {topics.length === 0 ? "It has no topic." : MEANING[state]}{" "}
        <span className="quiet">
          Last delivery: <Time at={publisher.last_delivery_at} />
        </span>
      </p>
      {publisher.last_error !== null && (
        <p className="words">
          <span className="behind">Last error</span>, <Time at={publisher.last_error_at} />:{" "}
          {publisher.last_error}
        </p>
      )}
      {topics.length > 0 && (
        <Table
          caption={`Topics of ${name}`}
          columns={TOPICS}
          rows={topics}
          keyOf={({ topic }) => topic}
        />
      )}
      <Commands commands={commandsOf(publisher)} />
      {total > 0 && (
        <>
          <h3>Set aside: {counted(total, "update")} refused for good</h3>
          {aside.length < total && (
            <p className="quiet">
              The newest {count(aside.length)} of them; all: <code>khala publishers aside</code>
            </p>
          )}
          <Table
            caption={`Updates of ${name} that were set aside`}
            columns={ASIDE}
            rows={aside}
            keyOf={({ topic, doc_key, watermark }) => `${topic} ${doc_key} ${watermark}`}
          />
          <Commands
            commands={[
              [
                "Queue them again, when the reason is gone",
                `khala publishers retry ${quoted(name)}`,
              ],
              ...topics
                .filter((each) => each.set_aside > 0 && each.set_aside < total)
                .map(
                  ({ topic }) =>
                    [
                      `Those of ${topic}`,
                      `khala publishers retry ${quoted(name)} --topic ${quoted(topic)}`,
                    ] as const,
                ),
            ]}
          />
        </>
      )}
    </section>
  );
}

function Alert({ value }: { readonly value: number }) {
  return <span className={value > 0 ? "behind" : ""}>{count(value)}</span>;
}
