-- The trace that the writer's work belongs to, as it said with SET khala.traceparent; the default of the
-- journal's column, so that the write path has no part in it. Bound when created and without a SET clause,
-- so that it is inlined: a writer that says nothing pays for one look at a setting a row. Whatever has not
-- the shape that W3C Trace Context gives version 00 is ignored, and so is a trace that is not sampled:
-- nobody would keep its spans.

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
