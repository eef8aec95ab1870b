-- Deploy khala:attachments to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

CREATE TABLE runtime.attachments (
    topic text PRIMARY KEY REFERENCES runtime.sync_topics (topic),
    relation regclass NOT NULL UNIQUE,
    key_columns text[] NOT NULL,
    org_column text,
    columns text[],
    recorded jsonb NOT NULL,
    partitions regclass[] NOT NULL,
    key_sql text NOT NULL,
    attached_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    attached_by text NOT NULL DEFAULT SESSION_USER,
    is_backfilled boolean NOT NULL DEFAULT FALSE,
    backfill_after text COLLATE "C",
    backfilled_rows bigint NOT NULL DEFAULT 0,
    sweep_after text COLLATE "C",
    is_trusted boolean NOT NULL DEFAULT FALSE
) WITH (fillfactor = 50);
COMMENT ON TABLE runtime.attachments IS 'Tables whose rows are the documents of a topic';
COMMENT ON COLUMN runtime.attachments.key_columns IS 'Columns that make the document key, in its order, by their names when the table was attached';
COMMENT ON COLUMN runtime.attachments.org_column IS 'Column that names the organisation; null: documents have none';
COMMENT ON COLUMN runtime.attachments.columns IS 'Columns that documents have; null: all, those added later included';
COMMENT ON COLUMN runtime.attachments.recorded IS 'All columns when the table was attached: name, number, type';
COMMENT ON COLUMN runtime.attachments.partitions IS 'Partitions with triggers for statements that name them';
COMMENT ON COLUMN runtime.attachments.key_sql IS 'Expression of the document key, for a row with the alias x';
COMMENT ON COLUMN runtime.attachments.backfill_after IS 'Key up to which the existing rows were read; null: none';
COMMENT ON COLUMN runtime.attachments.backfilled_rows IS 'Number of existing rows that were read';
COMMENT ON COLUMN runtime.attachments.sweep_after IS 'Key up to which documents without a row were removed; empty: from the beginning; null: nothing is to be removed';
COMMENT ON COLUMN runtime.attachments.is_trusted IS 'Whether reading the table may run code of its owner with the rights of khala_owner';
GRANT SELECT ON runtime.attachments TO khala_dba;

-- No foreign key: rows are set aside on the way of a write, which a foreign key would look up again.
CREATE TABLE runtime.attachment_set_aside (
    topic text NOT NULL,
    row_key text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (topic, row_key)
);
COMMENT ON TABLE runtime.attachment_set_aside IS 'Rows of attached tables that cannot be documents';
COMMENT ON COLUMN runtime.attachment_set_aside.row_key IS 'First 600 characters of the key';
COMMENT ON COLUMN runtime.attachment_set_aside.times IS 'Number of times the row was read and refused';
GRANT SELECT ON runtime.attachment_set_aside TO khala_dba;

COMMIT;
