import { memo } from "react";
import { Ago } from "../components/Ago";
import { Cell, GridRow, type RowPlace } from "../components/Grid";
import type { Kind, Summary, SummaryDocument } from "../summary";
import * as summary from "../summary";
import { Duration, Progress } from "./Progress";

interface RowProps extends RowPlace {
  readonly kind: Kind;
  readonly document: SummaryDocument;
}

/** Drawn again only when its document or its place changes, whatever else does. */
export const Row = memo(({ kind, document, ...place }: RowProps) => {
  const { docKey, docVersion, payload } = document;
  const status = summary.status(payload);
  const id = summary.id(payload, docKey);
  const title = summary.title(payload);
  return (
    <GridRow docKey={docKey} version={docVersion} {...place}>
      <Cell name="status">
        <span className={`pill ${status}`}>{status}</span>
      </Cell>
      <Cell name="name">
        <span className={title ? "first" : "first id"}>{title || id}</span>
        {title && <span className="id">{id}</span>}
      </Cell>
      <Cell name="now">
        {kind === "runs" && <Progress payload={payload} />}
        {summary.activity(payload)}
      </Cell>
      {kind === "runs" ? (
        <Cell name="duration">
          <Duration payload={payload} />
        </Cell>
      ) : (
        <Cell name="heartbeat">
          <Heartbeat payload={payload} />
        </Cell>
      )}
      <Cell name="started">
        <At time={summary.text(payload, "started_at")} />
      </Cell>
      <Cell name="changed">
        <At time={summary.text(payload, "latest_event_at")} />
      </Cell>
    </GridRow>
  );
});

/** A time as how long ago it was; nothing for none. */
export function At({ time }: { readonly time: string }) {
  const at = Date.parse(time);
  return Number.isNaN(at) ? null : <Ago at={at} />;
}

export function Heartbeat({ payload }: { readonly payload: Summary }) {
  const state = summary.text(payload, "heartbeat_state");
  return state && <span className={`heartbeat ${state}`}>{state}</span>;
}
