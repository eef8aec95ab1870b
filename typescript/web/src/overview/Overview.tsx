import { useMemo, useState } from "react";
import { useAdmin } from "../admin";
import type { Activity, TopicRow } from "../operations/rows";
import { OfTheWhole, Unread } from "../operations/View";
import { goTo } from "../place";
import { shownTime } from "../times";
import type { ViewProps } from "../views";
import { type Charted, charted } from "./activity";
import { Chart } from "./Chart";
import { Tiles } from "./Tiles";
import "./overview.css";

const EVERY_MS = 10_000;

/** What happens now, and what happened in the last hour: of all topics, or of the one named. */
export function Overview({ place: { section: topic }, session }: ViewProps) {
  const isWhole = session.organisations === null;
  const path = topic === "" ? "" : `?topic=${encodeURIComponent(topic)}`;
  const { data: topics } = useAdmin<{ readonly topics: readonly TopicRow[] }>(
    "/api/admin/topics",
    EVERY_MS,
  );
  const { data, error } = useAdmin<Activity>(
    isWhole ? `/api/admin/activity${path}` : null,
    EVERY_MS,
  );
  const chart = useMemo(() => data && charted(data, topic !== ""), [data, topic]);
  return (
    <div className="operations">
      <Tiles topics={topics?.topics ?? null} isWhole={isWhole} everyMs={EVERY_MS} />
      {isWhole ? (
        <>
          <div className="card-head charts-head">
            <h2>The last hour</h2>
            <label>
              Topic{" "}
              <select value={topic} onChange={(event) => goTo("overview", event.target.value)}>
                <option value="">all topics</option>
                {names(topics?.topics ?? [], topic).map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          </div>
          <Unread error={error} hasData={data !== null} />
          {chart && <Charts {...chart} />}
          {topic !== "" && (
            <p className="quiet">Connections and bytes are counted for all topics together.</p>
          )}
        </>
      ) : (
        <OfTheWhole />
      )}
    </div>
  );
}

/** The topics to choose from, the chosen one also while it is not known. */
function names(topics: readonly TopicRow[], chosen: string): readonly string[] {
  const known = topics.map(({ topic }) => topic);
  return chosen === "" || known.includes(chosen) ? known : [...known, chosen];
}

function Charts(chart: Charted) {
  const { times, intervalMs, shown, series } = chart;
  const [at, setAt] = useState<number | null>(null);
  const [isTable, setTable] = useState(false);
  const index = at === null ? -1 : times.indexOf(at);
  const axis = {
    times,
    intervalMs,
    shown,
    cursor: index < 0 ? null : index,
    onCursor: (next: number | null) => setAt(next === null ? null : (times[next] ?? null)),
  };
  return (
    <>
      <div className="charts">
        {series.map(({ title, lines, format }) => (
          <Chart
            key={title}
            title={title}
            lines={lines}
            format={format}
            axis={axis}
            isFilled={lines.length === 1}
          />
        ))}
      </div>
      <details className="card more" onToggle={(event) => setTable(event.currentTarget.open)}>
        <summary>The same as a table</summary>
        {isTable && <Numbers {...chart} />}
      </details>
    </>
  );
}

/** Every number of the charts, newest first. */
function Numbers({ times, series }: Charted) {
  const columns = series.flatMap(({ title, lines, format }) =>
    lines.map(({ name, values }) => ({
      label: lines.length > 1 ? `${title} ${name}` : title,
      values,
      format,
    })),
  );
  return (
    <table className="table numbers">
      <caption className="unseen">The last hour, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          {columns.map(({ label }) => (
            <th key={label} scope="col" className="number">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {times
          .map((time, index) => (
            <tr key={time}>
              <th scope="row">{shownTime(time)}</th>
              {columns.map(({ label, values, format }) => {
                const value = values[index] ?? null;
                return (
                  <td key={label} data-label={label} className="number">
                    {value === null ? "–" : format(value)}
                  </td>
                );
              })}
            </tr>
          ))
          .reverse()}
      </tbody>
    </table>
  );
}
