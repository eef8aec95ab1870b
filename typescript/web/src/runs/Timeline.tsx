import type { JsonObject } from "khala-client";
import { Ago } from "../components/Ago";
import * as summary from "../summary";
import { type RuntimeEvent, useTimeline } from "./runtime";

interface TimelineProps {
  readonly path: string;
  readonly latestSeq: number;
}

/** The events of a run or a worker, newest first, as they come. */
export function Timeline({ path, latestSeq }: TimelineProps) {
  const { events, error, readEarlier } = useTimeline(path, latestSeq);
  return (
    <>
      <h3>Timeline</h3>
      {error?.status === 404 ? (
        <p className="quiet">No events: this document was written without a history.</p>
      ) : (
        error !== null && <p className="notice warning">Events cannot be read: {error.message}</p>
      )}
      <ol className="timeline" aria-live="off" data-testid="timeline">
        {events.map((event) => (
          <Item key={event.seq} event={event} />
        ))}
      </ol>
      {readEarlier !== null && (
        <button type="button" className="button small" onClick={readEarlier}>
          Earlier events
        </button>
      )}
    </>
  );
}

function Item({ event: { seq, type, payload, occurred_at } }: { readonly event: RuntimeEvent }) {
  const words = wordsOf(payload);
  return (
    <li data-seq={seq} data-type={type}>
      <span className="event">{type.replace(/^(run|worker)\./, "")}</span>
      <span className="version">{seq}</span>
      <Ago at={Date.parse(occurred_at)} />
      {words && <span className="words">{words}</span>}
    </li>
  );
}

const LONGEST = 300;

/** The part of an event that says what happened; else all of it. */
function wordsOf(payload: JsonObject): string {
  const { last_lines: _, ...rest } = payload;
  const { exit_code: code, percent } = rest;
  const parts = [
    typeof percent === "number" ? `${percent} %` : "",
    typeof code === "number" ? `exit code ${code}` : "",
    summary.text(rest, "signal"),
    summary.text(rest, "reason") ||
      summary.text(rest, "message") ||
      summary.text(rest, "last_line") ||
      summary.text(rest, "title") ||
      summary.text(rest, "task"),
  ].filter(Boolean);
  const all = Object.keys(rest).length > 0 ? JSON.stringify(rest) : "";
  return (parts.join(" · ") || all).slice(0, LONGEST);
}
