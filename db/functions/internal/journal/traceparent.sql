-- Trace context of the writer, set with SET khala.traceparent. It is the default of the journal's column, so the
-- write path does not handle it. Bound at creation and without a SET clause, so it is inlined: a writer without one
-- pays for one look at a setting per row. A value that is not of version 00 of W3C Trace Context is ignored, and so
-- is a trace that is not sampled, because its spans are not kept.

CREATE OR REPLACE FUNCTION khala_internal.traceparent()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN substring(
    current_setting('khala.traceparent', TRUE),
    '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]$'
);

COMMENT ON FUNCTION khala_internal.traceparent() IS
'Internal: the W3C traceparent that the session set as khala.traceparent. Arguments: none. Result: the setting; null when it is not set, not of version 00, malformed or not sampled. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.traceparent() FROM public;
