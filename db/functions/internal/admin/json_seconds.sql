-- An interval as the JSON of administrators has it: numeric, since a double in JSON has the digits of the session's
-- extra_float_digits.

CREATE OR REPLACE FUNCTION khala_internal.json_seconds(p_interval interval)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(extract(EPOCH FROM p_interval), 3);

COMMENT ON FUNCTION khala_internal.json_seconds(interval) IS
'Internal: an interval in seconds. Argument: the interval. Result: seconds with milliseconds; null for null. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.json_seconds(interval) FROM public;
