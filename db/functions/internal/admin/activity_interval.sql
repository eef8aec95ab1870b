-- The interval of the statistics that a time lies in: ten seconds.

CREATE OR REPLACE FUNCTION khala_internal.activity_interval(p_at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_bin('10 seconds'::interval, p_at, '2000-01-01 00:00:00+00'::timestamptz);

COMMENT ON FUNCTION khala_internal.activity_interval(timestamptz) IS
'Internal: the interval of ten seconds that a time lies in. Argument: the time. Result: its beginning. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.activity_interval(timestamptz) FROM public;
