-- Protobuf varint of a whole number: seven bits a byte, lowest first, all but the last with the high bit set. The
-- bits are moved into place within one bigint, four bytes at a time, and cut out of its eight bytes. Bound at
-- creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.proto_varint(p_value bigint)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_value < 128 THEN substring(int8send(p_value) FROM 8)
    WHEN p_value < 16384 THEN substring(int8send(((p_value & 127) << 8) | (p_value >> 7) | 32768) FROM 7)
    WHEN p_value < 2097152
        THEN substring(int8send(((p_value & 127) << 16) | ((p_value & 16256) << 1) | (p_value >> 14) | 8421376) FROM 6)
    ELSE substring(int8send(
        ((p_value & 127) << 24) | ((p_value & 16256) << 9) | ((p_value & 2080768) >> 6)
        | ((p_value >> 21) & 127) | CASE WHEN p_value < 268435456 THEN 2155905024 ELSE 2155905152 END
    ) FROM 5) || CASE
        WHEN p_value < 268435456 THEN ''::bytea
        WHEN p_value < 34359738368 THEN substring(int8send(p_value >> 28) FROM 8)
        WHEN p_value < 4398046511104
            THEN substring(int8send((((p_value >> 28) & 127) << 8) | (p_value >> 35) | 32768) FROM 7)
        WHEN p_value < 562949953421312
            THEN substring(int8send(
                (((p_value >> 28) & 127) << 16) | (((p_value >> 28) & 16256) << 1) | (p_value >> 42) | 8421376
            ) FROM 6)
        ELSE substring(int8send(
            (((p_value >> 28) & 127) << 24) | (((p_value >> 28) & 16256) << 9)
            | (((p_value >> 28) & 2080768) >> 6) | ((p_value >> 49) & 127) | CASE WHEN p_value < 72057594037927936 THEN 2155905024 ELSE 2155905152 END
        ) FROM 5) || CASE
            WHEN p_value < 72057594037927936 THEN ''::bytea
            ELSE substring(int8send(p_value >> 56) FROM 8)
        END
    END
END;

COMMENT ON FUNCTION khala_internal.proto_varint(bigint) IS
'Internal: a number as a protobuf varint. Argument: the number, from 0. Result: 1 to 9 bytes. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.proto_varint(bigint) FROM public;
