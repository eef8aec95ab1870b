import type { KhalaDocument } from "khala-client";
import { memo, type ReactNode, useMemo } from "react";
import { Ago } from "../components/Ago";
import { Browser, DetailsPanel, Facts } from "../components/Browser";
import { Cell, type GridColumn, GridRow, type RowPlace } from "../components/Grid";
import type { Place } from "../place";
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
  const columns: readonly GridColumn[] = [
    { name: "status", label: "Status", isSorted: true },
    { name: "name", label: heads.name, isSorted: true },
    { name: "now", label: heads.about, isSorted: false },
    ...(heads.amount ? [{ name: "amount", label: heads.amount, isSorted: true }] : []),
    { name: "changed", label: "Changed", isSorted: true },
  ];
  return (
    <Browser
      label={label}
      className={heads.amount ? "entries amounts" : "entries"}
      columns={columns}
      rows={entries}
      reading={ENTRIES}
      place={place}
      drawRow={(entry, at) => (
        <EntryRow key={entry.key} entry={entry} hasAmount={heads.amount !== undefined} {...at} />
      )}
      drawDetails={(key, close) => (
        <EntryDetails
          key={key}
          docKey={key}
          entry={entries.find((each) => each.key === key)}
          documents={documents}
          onClose={close}
        />
      )}
      nothing={nothing}
    />
  );
}

interface EntryRowProps extends RowPlace {
  readonly entry: Entry;
  readonly hasAmount: boolean;
}

const EntryRow = memo(({ entry, hasAmount, ...place }: EntryRowProps) => {
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
});

interface EntryDetailsProps {
  readonly docKey: string;
  /** Undefined: there is none of this key, or none any more. */
  readonly entry: Entry | undefined;
  readonly documents: readonly KhalaDocument[];
  readonly onClose: () => void;
}

function EntryDetails({ docKey, entry, documents, onClose }: EntryDetailsProps) {
  const name = entry?.id ?? docKey;
  const steps = useMemo(
    () => (entry && docKey.startsWith("deployment/") ? stepsOf(documents, entry.id) : []),
    [documents, docKey, entry],
  );
  return (
    <DetailsPanel name={name} onClose={onClose}>
      {entry === undefined && <p className="notice warning">It is not there.</p>}
      {entry && <Facts facts={factsOf(entry)} />}
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
    </DetailsPanel>
  );
}

function factsOf({ status, facts }: Entry): readonly (readonly [string, ReactNode])[] {
  return [
    [
      "Status",
      <span key="status" className={`pill ${status}`}>
        {status}
      </span>,
    ],
    ...facts.map(
      ({ name, value, at }) =>
        [name, at === undefined ? value : <Ago key={name} at={at} />] as const,
    ),
  ];
}
