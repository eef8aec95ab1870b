import type { KhalaDocument } from "khala-client";
import { memo, type ReactNode, useEffect, useMemo, useRef } from "react";
import { Cell, Grid, type GridColumn, GridRow, type RowPlace } from "../components/Grid";
import { Filter } from "../components/Toolbar";
import { go, type Place } from "../place";
import { select } from "../rows";
import { Ago } from "./Ago";
import { ENTRIES, type Entry, stepsOf } from "./entries";
import { sats } from "./words";

interface EntriesProps {
  readonly label: string;
  /** Heads of the columns; a table without amounts has none for them. */
  readonly heads: { readonly name: string; readonly about: string; readonly amount?: string };
  readonly entries: readonly Entry[];
  readonly documents: readonly KhalaDocument[];
  readonly place: Place;
  readonly nothing: ReactNode;
}

/** A table of entries, and the details of one. */
export function Entries({ label, heads, entries, documents, place, nothing }: EntriesProps) {
  const { filter, opened } = place;
  const grid = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => select(entries, filter, ENTRIES), [entries, filter]);
  const found = entries.find(({ key }) => key === opened);
  const columns: readonly GridColumn[] = [
    { name: "status", label: "Status", isSorted: true },
    { name: "name", label: heads.name, isSorted: true },
    { name: "now", label: heads.about, isSorted: false },
    ...(heads.amount ? [{ name: "amount", label: heads.amount, isSorted: true }] : []),
    { name: "changed", label: "Changed", isSorted: true },
  ];
  const close = () => {
    go({ opened: null });
    grid.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <Filter
        rows={entries}
        status={ENTRIES.status}
        view={filter}
        onView={(next) => go({ filter: next })}
      />
      <main className={opened === null ? "content" : "content with-details"}>
        <Grid
          ref={grid}
          label={label}
          className={heads.amount ? "entries amounts" : "entries"}
          columns={columns}
          rows={rows}
          keyOf={ENTRIES.key}
          drawRow={(entry, at) => (
            <EntryRow
              key={entry.key}
              entry={entry}
              hasAmount={heads.amount !== undefined}
              {...at}
            />
          )}
          view={filter}
          onView={(next) => go({ filter: next })}
          opened={opened}
          onOpen={(key) => go({ opened: key })}
          nothing={
            entries.length > 0 ? (
              <p className="nothing">Nothing matches. {entries.length} are there.</p>
            ) : (
              nothing
            )
          }
        />
        {opened !== null && (
          <EntryDetails
            key={opened}
            docKey={opened}
            entry={found}
            documents={documents}
            onClose={close}
          />
        )}
      </main>
    </>
  );
}

interface EntryRowProps extends RowPlace {
  readonly entry: Entry;
  readonly hasAmount: boolean;
}

const EntryRow = memo(DrawnRow, (before, after) =>
  (["entry", "index", "height", "isActive", "isOpened"] as const).every(
    (name) => before[name] === after[name],
  ),
);

function DrawnRow({ entry, hasAmount, ...place }: EntryRowProps) {
  return (
    <GridRow docKey={entry.key} version={entry.version} {...place}>
      <Cell name="status">
        <span className={`pill ${entry.status}`}>{entry.status}</span>
      </Cell>
      <Cell name="name">
        <span className="id">{entry.id}</span>
        {entry.title && <span className="title">{entry.title}</span>}
      </Cell>
      <Cell name="now">{entry.about}</Cell>
      {hasAmount && <Cell name="amount">{entry.msats === null ? "" : sats(entry.msats)}</Cell>}
      <Cell name="changed">
        <Ago at={entry.changedAt} />
      </Cell>
    </GridRow>
  );
}

interface EntryDetailsProps {
  readonly docKey: string;
  /** Undefined: there is none of this key, or none any more. */
  readonly entry: Entry | undefined;
  readonly documents: readonly KhalaDocument[];
  readonly onClose: () => void;
}

function EntryDetails({ docKey, entry, documents, onClose }: EntryDetailsProps) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus(), []);
  const name = entry?.id ?? docKey;
  const steps = useMemo(
    () => (entry && docKey.startsWith("deployment/") ? stepsOf(documents, entry.id) : []),
    [documents, docKey, entry],
  );
  return (
    <aside
      ref={panel}
      className="details"
      tabIndex={-1}
      aria-label={`Details of ${name}`}
      data-testid="details"
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          onClose();
        }
      }}
    >
      <div className="details-head">
        <h2>{name}</h2>
        <button type="button" className="button" onClick={onClose} aria-keyshortcuts="Escape">
          Close
        </button>
      </div>
      {entry === undefined && <p className="notice warning">It is not there.</p>}
      {entry && (
        <dl className="facts">
          <div>
            <dt>Status</dt>
            <dd>
              <span className={`pill ${entry.status}`}>{entry.status}</span>
            </dd>
          </div>
          {entry.facts.map((fact) => (
            <div key={fact.name}>
              <dt>{fact.name}</dt>
              <dd>{fact.at === undefined ? fact.value : <Ago at={fact.at} />}</dd>
            </div>
          ))}
        </dl>
      )}
      {entry && entry.routes.length > 0 && (
        <>
          <h3>Routes</h3>
          <ol className="history" data-testid="routes">
            {entry.routes.map((route) => (
              <li key={route.id}>
                <span className="version">{route.priority}</span>
                <span className="id">{route.id}</span>
                <span className="activity">{route.request}</span>
                <span className="activity quiet">
                  to {route.upstream} within {route.timeoutMs / 1000} s
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
      {steps.length > 0 && (
        <>
          <h3>Steps</h3>
          <ol className="history" data-testid="steps">
            {steps.map((step) => (
              <li key={step.key}>
                <Ago at={step.at} />
                <span className={`pill ${step.level}`}>{step.level}</span>
                <span className="id">{step.type}</span>
                <span className="changes">{step.paywallId}</span>
              </li>
            ))}
          </ol>
        </>
      )}
    </aside>
  );
}
