import { count, counted } from "../quantities";
import { quoted } from "./Command";
import type { Flag } from "./rows";
import { Time } from "./Time";
import { Commands, Empty, Read } from "./View";

/** From which backend each surface reads, and for whom. */
export function Flags() {
  return (
    <Read<{ readonly flags: readonly Flag[] }> path="/api/admin/flags">
      {({ flags }) =>
        flags.length === 0 ? (
          <Empty command="khala flags set web --lane khala --percent 5">
            No surface has a flag: each reads what it was built with. Move five in a hundred people
            of one:
          </Empty>
        ) : (
          <div className="cards">
            {flags.map((flag) => (
              <Card key={flag.surface} {...flag} />
            ))}
          </div>
        )
      }
    </Read>
  );
}

function Card({ surface, lane, percent, people, changed_at, changed_by }: Flag) {
  const heading = `flag-${surface}`;
  const set = `khala flags set ${quoted(surface)}`;
  return (
    <section className="card" aria-labelledby={heading} data-surface={surface}>
      <div className="card-head">
        <h2 id={heading}>
          {surface} <span className={`pill ${lane === "khala" ? "good" : ""}`}>{lane}</span>
        </h2>
        <span className="quiet words">
          <Time at={changed_at} />, by {changed_by}
        </span>
      </div>
      <p>{meaning(lane, percent, people.length)}</p>
      <label className="share">
        Share
        <meter min={0} max={100} value={percent} />
        {count(percent)} %
      </label>
      {people.length > 0 && (
        <>
          <h3>People named</h3>
          <ul className="people">
            {people.map((each) => (
              <li key={each} className="words">
                {each}
              </li>
            ))}
          </ul>
        </>
      )}
      <Commands
        commands={[
          lane === "khala"
            ? ["Back to the legacy backend, for everybody", `${set} --lane legacy`]
            : ["To Khala, for the share and the people", `${set} --lane khala`],
          percent < 100
            ? ["A larger share", `${set} --percent ${nextShare(percent)}`]
            : ["It has moved for good", `khala flags remove ${quoted(surface)}`],
          ["Other people", `${set} --person ann --person bob`],
        ]}
      />
    </section>
  );
}

function meaning(lane: Flag["lane"], percent: number, people: number): string {
  const share = `${count(percent)} % of all subjects`;
  const named = `the ${counted(people, "person", "people")} named`;
  if (lane === "legacy") {
    return `Everybody reads the legacy backend. ${share}${people > 0 ? ` and ${named}` : ""} read Khala when the lane is set to khala.`;
  }
  if (percent >= 100) {
    return "Everybody reads Khala.";
  }
  if (percent === 0 && people === 0) {
    return "Nobody reads Khala yet.";
  }
  const who = percent === 0 ? named : people === 0 ? share : `${share} and ${named}`;
  return `${who[0]?.toUpperCase()}${who.slice(1)} read Khala, all others the legacy backend.`;
}

/** The share that is usual after this one. */
function nextShare(percent: number): number {
  return [5, 25, 50, 100].find((each) => each > percent) ?? 100;
}
