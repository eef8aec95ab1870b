import { count, counted, duration } from "../quantities";
import {
  type Cycle,
  type Gate,
  mismatches,
  type Parity as ParityData,
  type Reasons,
  sum,
} from "./rows";
import { type Column, Table } from "./Table";
import { Time } from "./Time";
import { Commands, Empty, Read } from "./View";

const GATES: Readonly<Record<string, string>> = {
  compared: "Documents compared",
  last_cycle_age: "Age of the last complete cycle",
  unread_rate: "Share that was not read",
  mismatch_rate: "Share of mismatches",
  missing: "Documents missing on a side",
  p95_drift: "Drift of 95 in 100",
};
const REASONS: Readonly<Record<string, string>> = {
  none: "the same",
  khala_missing: "missing in Khala",
  legacy_missing: "missing in the legacy backend",
  hash_mismatch: "other content",
  lag_drift: "behind",
  hash_and_lag_drift: "behind, and other content",
  unread: "not read",
};

type Topic = ParityData["topics"][number];

const GATE_COLUMNS: readonly Column<Gate>[] = [
  { label: "Gate", draw: ({ gate }) => GATES[gate] ?? gate },
  {
    label: "State",
    draw: ({ is_met }) => (
      <span className={`pill ${is_met ? "good" : "bad"}`}>{is_met ? "met" : "not met"}</span>
    ),
  },
  { label: "Found", kind: "number", draw: (gate) => found(gate) },
  { label: "Limit", draw: ({ allowed }) => allowed },
];
const TOPIC_COLUMNS: readonly Column<Topic>[] = [
  { label: "Topic", draw: ({ topic }) => <span className="id">{topic}</span> },
  { label: "Verdicts", kind: "long", draw: ({ reasons }) => <Verdicts reasons={reasons} /> },
  {
    label: "Mismatches",
    kind: "number",
    draw: ({ reasons }) => (
      <span className={mismatches(reasons) > 0 ? "behind" : ""}>{count(mismatches(reasons))}</span>
    ),
  },
  {
    label: "Greatest drift",
    kind: "number",
    draw: ({ max_drift }) => (max_drift === null ? "–" : count(max_drift)),
  },
];
const CYCLE_COLUMNS: readonly Column<Cycle>[] = [
  { label: "Cycle", draw: ({ cycle }) => count(cycle) },
  { label: "Result", kind: "long", draw: (cycle) => <Result {...cycle} /> },
  { label: "Sampled", kind: "number", draw: ({ sampled }) => count(sampled) },
  { label: "Took", kind: "number", draw: took },
  { label: "Started", draw: ({ started_at }) => <Time at={started_at} /> },
];

/** Comparisons with the legacy backend, and whether a cutover may go on. */
export function Parity() {
  return (
    <Read<ParityData> path="/api/admin/parity">
      {({ topics, gates, cycles }) => {
        const missing = gates.filter(({ is_met }) => !is_met).length;
        return cycles.length === 0 ? (
          <Empty command="khala parity --url https://legacy.example.com">
            Nothing was compared with a legacy backend. Compare, every 30 seconds:
          </Empty>
        ) : (
          <>
            <section className="card" aria-labelledby="gates">
              <h2 id="gates">Gates of a cutover</h2>
              <p role="status">
                {missing === 0
                  ? "All gates are met: more people may move."
                  : `${counted(missing, "gate")} not met: nobody else should move.`}{" "}
                <span className="quiet">Of the last hour.</span>
              </p>
              <Table
                caption="Gates of a cutover"
                columns={GATE_COLUMNS}
                rows={gates}
                keyOf={({ gate }) => gate}
              />
              <Commands
                commands={[
                  ["The same, with an exit status", "khala parity --gates"],
                  ["Move more people", "khala flags set web --percent 25"],
                ]}
              />
            </section>
            <section className="card" aria-labelledby="compared">
              <h2 id="compared">Topics</h2>
              {topics.length === 0 ? (
                <p className="quiet">Nothing was compared in the last hour.</p>
              ) : (
                <Table
                  caption="Documents compared, by topic"
                  columns={TOPIC_COLUMNS}
                  rows={topics}
                  keyOf={({ topic }) => topic}
                />
              )}
            </section>
            <section className="card" aria-labelledby="cycles">
              <h2 id="cycles">Last cycles</h2>
              <Table
                caption="Last cycles"
                columns={CYCLE_COLUMNS}
                rows={cycles}
                keyOf={({ cycle }) => String(cycle)}
              />
            </section>
          </>
        );
      }}
    </Read>
  );
}

const share = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });

function found({ gate, found: value }: Gate): string {
  if (value === null) {
    return "nothing";
  }
  // In the unit of its limit.
  return gate === "last_cycle_age" ? `${count(value)} s` : share.format(value);
}

function took({ started_at, finished_at }: Cycle): string {
  return finished_at === null
    ? "–"
    : duration((Date.parse(finished_at) - Date.parse(started_at)) / 1000);
}

function Verdicts({ reasons }: { readonly reasons: Reasons }) {
  const total = sum(Object.values(reasons));
  const parts = partsOf(reasons);
  return (
    <div className="verdicts">
      <div className="bar" aria-hidden="true">
        {parts.map(([reason, documents]) => (
          <span
            key={reason}
            className={reason === "none" || reason === "unread" ? reason : "mismatch"}
            style={{ flexGrow: documents / total }}
          />
        ))}
      </div>
      {listed(parts)}
    </div>
  );
}

/** The same first, then the reasons as they are listed above; without those that were never found. */
function partsOf(reasons: Reasons): readonly (readonly [string, number])[] {
  const order = Object.keys(REASONS);
  return Object.entries(reasons)
    .filter(([, documents]) => documents > 0)
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
}

function listed(parts: readonly (readonly [string, number])[]): string {
  return parts
    .map(([reason, documents]) => `${count(documents)} ${REASONS[reason] ?? reason}`)
    .join(", ");
}

function Result({ error, finished_at, reasons }: Cycle) {
  if (error !== null) {
    return (
      <>
        <span className="pill bad">failed</span> <span className="words">{error}</span>
      </>
    );
  }
  if (finished_at === null) {
    return <span className="pill warning">running, or killed</span>;
  }
  const wrong = mismatches(reasons);
  return (
    <>
      <span className={`pill ${wrong === 0 ? "good" : "bad"}`}>
        {wrong === 0 ? "no mismatch" : counted(wrong, "mismatch", "mismatches")}
      </span>{" "}
      <span className="quiet">{listed(partsOf(reasons))}</span>
    </>
  );
}
