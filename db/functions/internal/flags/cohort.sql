-- Stable place of a subject among ten thousand, another one for each surface. khala_pg.cohort and khala-client/cohort
-- compute the same: tests/fixtures/cohort_vectors.v1.json. A surface's name has no colon, so no two pairs are one text.

CREATE OR REPLACE FUNCTION khala_internal.cohort(p_surface text, p_subject text)
RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hash bytea := sha256(convert_to(p_surface || ':' || p_subject, 'UTF8'));
BEGIN
    RETURN (
        get_byte(v_hash, 0) * 16777216::bigint + get_byte(v_hash, 1) * 65536 + get_byte(v_hash, 2) * 256
        + get_byte(v_hash, 3)
    ) % 10000;
END
$$;

COMMENT ON FUNCTION khala_internal.cohort(text, text) IS
'Cohort of a subject for a surface: the first four bytes, most significant first, of SHA-256 of the UTF-8 text surface:subject, modulo 10000. Arguments: surface, subject. Result: 0 to 9999; null for null. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.cohort(text, text) FROM public;
