import type { Json } from "khala-client";
import { memo, type ReactNode, useCallback, useMemo } from "react";
import { Ago } from "../components/Ago";
import { Browser } from "../components/Browser";
import { Cell, type GridColumn, GridRow, PHONE, type RowPlace } from "../components/Grid";
import { useMedia } from "../hooks";
import { place as current, go, goMore, type Place } from "../place";
import type { Reading } from "../rows";
import { shownTime, wholeTime } from "../times";
import { Columns } from "./Columns";
import { DocumentDetails } from "./DocumentDetails";
import { type Field as FoundField, fieldsOf, firstColumns, TIME, valueAt } from "./fields";
import { formatCondition, matcherOf, parseQuery } from "./query";
import { commonPrefix, type DocumentRow } from "./rows";

const SHOWN_KEYS = 200;
const LONGEST_CELL = 300;

const OWNER: GridColumn = {
  name: "organisation",
  label: "Organisation",
  isSorted: true,
  width: [112],
  className: "doc-owner",
  rank: 2,
};

interface DocumentTableProps {
  readonly label: string;
  readonly place: Place;
  readonly rows: readonly DocumentRow[];
  /** Whether rows are of several organisations. */
  readonly hasOwners: boolean;
  readonly nothing: ReactNode;
  readonly tools: ReactNode;
  readonly onNearEnd?: (() => void) | undefined;
}

/** Documents of one topic, with columns for the fields of their payloads. */
export function DocumentTable(props: DocumentTableProps) {
  const { label, place, rows, hasOwners } = props;
  // Looked for again as the table grows, not with each update.
  const stage = rows.length < 10 ? rows.length : 10 ** Math.floor(Math.log10(rows.length));
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const found = useMemo(() => {
    const keys = rows.slice(0, SHOWN_KEYS).map(({ key }) => key);
    const fields = fieldsOf(rows);
    return { fields, first: firstColumns(fields, keys), prefix: commonPrefix(keys) };
  }, [label, stage]);
  const given = place.more["columns"];
  const chosen = useMemo(
    () => (given === undefined ? found.first : given.split(",").filter(Boolean).map(decodePath)),
    [given, found],
  );
  const shown = useMemo(
    () => chosen.map((path) => found.fields.find((each) => each.path === path) ?? unknown(path)),
    [chosen, found],
  );
  const reading = useMemo(() => readingOf(found.fields), [found]);
  const isNarrow = useMedia(PHONE);
  const isGiven = given !== undefined;
  const columns = useMemo(
    (): readonly GridColumn[] => [
      { name: "key", label: "Key", isSorted: true, width: [150, 1.4], className: "doc-key" },
      // Those that somebody chose are all there, and the table scrolls sideways.
      ...shown.map((field, index) => ({
        ...columnOf(field),
        ...(!isGiven && { rank: index + 3 }),
      })),
      {
        name: "version",
        label: "Version",
        isSorted: true,
        width: [68],
        isNumber: true,
        className: "doc-version",
        rank: 1,
      },
      ...(hasOwners ? [OWNER] : []),
      { name: "updated", label: "Updated", isSorted: true, width: [104], className: "doc-updated" },
    ],
    [shown, hasOwners, isGiven],
  );
  const { prefix } = found;
  const drawRow = useCallback(
    (row: DocumentRow, at: RowPlace, fitting: readonly GridColumn[]) => (
      <Row key={row.key} row={row} columns={fitting} prefix={prefix} isNarrow={isNarrow} {...at} />
    ),
    [prefix, isNarrow],
  );
  return (
    <Browser
      label={label}
      className="documents"
      columns={columns}
      rows={rows}
      reading={reading}
      place={place}
      drawRow={drawRow}
      drawDetails={(key, close) => (
        <DocumentDetails
          key={key}
          topic={place.section}
          docKey={key}
          row={rows.find((each) => each.key === key)}
          place={place}
          onFilter={addCondition}
          onClose={() => {
            goMore({ version: null, compare: null, tab: null, show: null });
            close();
          }}
        />
      )}
      nothing={props.nothing}
      tools={
        <>
          {props.tools}
          <Columns fields={found.fields} chosen={chosen} onChoose={chooseColumns} />
        </>
      }
      onNearEnd={props.onNearEnd}
    />
  );
}

interface RowProps extends RowPlace {
  readonly row: DocumentRow;
  readonly columns: readonly GridColumn[];
  readonly prefix: string;
  /** Two lines instead of columns. */
  readonly isNarrow: boolean;
}

const OWN = new Set(["key", "version", "organisation", "updated"]);

/** The name of a field's column, which is none of the table's own. */
function nameOf(path: string): string {
  return OWN.has(path) ? `payload.${path}` : path;
}

function pathOf(name: string): string {
  const path = name.replace(/^payload\./, "");
  return OWN.has(path) ? path : name;
}

const Row = memo(({ row, columns, prefix, isNarrow, ...at }: RowProps) => {
  const { key, version, watermark, isDeleted, updatedAt } = row;
  const fields = columns.filter(({ name }) => !OWN.has(name));
  const draw: Readonly<Record<string, () => ReactNode>> = {
    key: () => (
      <Cell key="key" name="doc-key" title={key}>
        <span className="id">{prefix === "" ? key : key.slice(prefix.length)}</span>
      </Cell>
    ),
    version: () => (
      <Cell key="version" name="number doc-version">
        {String(version)}
      </Cell>
    ),
    organisation: () => (
      <Cell key="organisation" name="doc-owner">
        {ownerOf(row)}
      </Cell>
    ),
    updated: () => (
      <Cell
        key="updated"
        name="doc-updated"
        title={updatedAt === null ? "the watermark" : undefined}
      >
        {updatedAt === null ? `at ${watermark}` : <Ago at={updatedAt} />}
      </Cell>
    ),
    about: () => (
      <Cell key="about" name="about">
        {aboutOf(row, columns)}
      </Cell>
    ),
  };
  const names = isNarrow ? ["key", "updated", "about"] : columns.map(({ name }) => name);
  return (
    <GridRow docKey={key} version={version} className={isDeleted ? "deleted" : ""} {...at}>
      {names.map(
        (name) =>
          draw[name]?.() ?? (
            <Field
              key={name}
              name={name}
              row={row}
              isNumber={columns.find((each) => each.name === name)?.isNumber ?? false}
              isFirst={fields[0]?.name === name}
            />
          ),
      )}
    </GridRow>
  );
});

interface FieldProps {
  readonly name: string;
  readonly row: DocumentRow;
  readonly isNumber: boolean;
  readonly isFirst: boolean;
}

function Field({ name, row: { payload, isDeleted }, isNumber, isFirst }: FieldProps) {
  return (
    <Cell name={isNumber ? "field number" : "field"}>
      {!isDeleted ? (
        <Value path={pathOf(name)} value={valueAt(payload, pathOf(name))} />
      ) : (
        isFirst && <span className="pill failed">deleted</span>
      )}
    </Cell>
  );
}

function ownerOf({ organisation }: DocumentRow): string {
  return organisation === null ? "" : organisation || "public";
}

/** A row in one line, where there are no columns. */
function aboutOf(row: DocumentRow, columns: readonly GridColumn[]): string {
  if (row.isDeleted) {
    return "deleted";
  }
  return columns
    .map(({ name }) =>
      name === "organisation"
        ? ownerOf(row)
        : OWN.has(name)
          ? ""
          : said(valueAt(row.payload, pathOf(name))),
    )
    .filter(Boolean)
    .join(" · ");
}

function Value({ path, value }: { readonly path: string; readonly value: Json | undefined }) {
  if (value === undefined) {
    return null;
  }
  if (typeof value === "string") {
    if (/^(status|state)$/.test(path) && value.length < 20) {
      return <span className={`pill ${value}`}>{value}</span>;
    }
    return TIME.test(value) ? (
      <time title={wholeTime(value)}>{said(value)}</time>
    ) : (
      value.slice(0, LONGEST_CELL)
    );
  }
  return <span className={typeof value}>{brief(value)}</span>;
}

/** A value in a few words; a time as people read it. */
function said(value: Json | undefined): string {
  return (typeof value === "string" && TIME.test(value) && shownTime(value)) || brief(value);
}

function brief(value: Json | undefined): string {
  if (value === undefined) {
    return "";
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.slice(0, LONGEST_CELL);
}

function columnOf({ path, type }: FoundField): GridColumn {
  const narrow = type === "number" || type === "boolean" || type === "time";
  return {
    name: nameOf(path),
    label: path,
    isSorted: true,
    width: narrow ? [type === "time" ? 120 : 96] : [/^(status|state)$/.test(path) ? 108 : 130, 1],
    isNumber: type === "number",
    className: "field",
  };
}

function unknown(path: string): FoundField {
  return { path, type: "string", share: 0, isIdle: false };
}

function readingOf(fields: readonly FoundField[]): Reading<DocumentRow> {
  const types = new Map(fields.map(({ path, type }) => [path, type]));
  let last: { readonly search: string; readonly matches: (row: DocumentRow) => boolean } | null =
    null;
  return {
    key: ({ key }) => key,
    status: ({ payload, isDeleted }) => {
      const status = isDeleted ? "deleted" : payload?.["status"];
      return typeof status === "string" ? status : "";
    },
    searchable: ({ key }) => key,
    matcher: (search) => {
      if (last?.search !== search) {
        const query = parseQuery(search, (path) => types.has(path));
        last = { search, matches: matcherOf(query) };
      }
      return last.matches;
    },
    sortKey: (row, column) => {
      switch (column) {
        case "key":
          return row.key;
        case "version":
          return Number(row.version);
        case "organisation":
          return row.organisation ?? "";
        case "updated":
          // The order in which they were written.
          return Number(row.watermark);
        default: {
          const path = pathOf(column);
          const value = valueAt(row.payload, path);
          if (types.get(path) === "number") {
            return typeof value === "number" ? value : Number.NEGATIVE_INFINITY;
          }
          return brief(value);
        }
      }
    },
  };
}

function addCondition(path: string, value: Json): void {
  const { filter } = current.get();
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const condition = formatCondition({ path, operator: "=", value: text });
  go({ filter: { ...filter, search: `${filter.search} ${condition}`.trim() } });
}

function chooseColumns(paths: readonly string[] | null): void {
  goMore({ columns: paths === null ? null : paths.map(encodePath).join(",") });
}

function encodePath(path: string): string {
  return path.replaceAll("%", "%25").replaceAll(",", "%2C");
}

function decodePath(path: string): string {
  return path.replaceAll("%2C", ",").replaceAll("%25", "%");
}
