-- Protobuf varint of a whole number below 16384, for lengths and other small numbers. Every transaction prepares an
-- expression again, function by function, and this one has an eighth of the functions of khala_internal.proto_varint.
-- Bound at creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.proto_short(p_value integer)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_value < 128 THEN substring(int4send(p_value) FROM 4)
    ELSE substring(int4send(((p_value & 127) << 8) | (p_value >> 7) | 32768) FROM 3)
END;

COMMENT ON FUNCTION khala_internal.proto_short(integer) IS
'Internal: a small number as a protobuf varint. Argument: the number, from 0 to 16383. Result: 1 or 2 bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.proto_short(integer) FROM public;
