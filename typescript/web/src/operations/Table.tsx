import type { ReactNode } from "react";

export interface Column<R> {
  readonly label: string;
  /** `long`: sentences, below their label where it is narrow. */
  readonly kind?: "number" | "long";
  readonly draw: (row: R) => ReactNode;
}

interface TableProps<R> {
  readonly caption: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string;
}

/** A short table; where it is narrow each row is a block of lines. The first column names the row. */
export function Table<R>({ caption, columns, rows, keyOf }: TableProps<R>) {
  return (
    <table className="table">
      <caption className="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ label, kind }) => (
            <th key={label} scope="col" className={kind}>
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)} data-key={keyOf(row)}>
            {columns.map(({ label, kind, draw }, index) =>
              index === 0 ? (
                <th key={label} scope="row">
                  {draw(row)}
                </th>
              ) : (
                <td key={label} data-label={label} className={kind}>
                  {draw(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
