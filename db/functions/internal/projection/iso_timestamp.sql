-- String form of a timestamp inside a document: ISO 8601 in UTC with microseconds. Strings of this form sort as the
-- timestamps do, and no session setting affects them.

CREATE OR REPLACE FUNCTION khala_internal.iso_timestamp(p_at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
END
$$;

COMMENT ON FUNCTION khala_internal.iso_timestamp(timestamptz) IS
'A timestamp as documents carry it. Argument: the timestamp, of the years 1 to 9999. Result: a string such as 2026-01-31T23:59:59.000001Z. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.iso_timestamp(timestamptz) FROM public;
