-- One JSON number as RFC 8785 prints it, which is how ECMAScript prints a double: the shortest digits that read back
-- as the same double. A number that is neither exactly a double nor such a shortest form is refused, because two
-- clients would disagree about the document.

CREATE OR REPLACE FUNCTION khala_internal.canonical_number(p_number numeric)
RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $$
DECLARE
    v_plain text;
    v_digits text;
    v_double double precision;
    v_shortest numeric;
    v_exact numeric;
    v_bits bigint;
    v_exponent integer;
    v_scale integer;
    v_unit numeric;
    v_candidate numeric;
BEGIN
    IF p_number = 0 THEN
        RETURN '0';
    END IF;
    -- Before any conversion to a string: a numeric may have a hundred thousand digits. The bounds are just beyond the
    -- largest and the smallest double, so the conversion to a double succeeds. It must: a block that catches its error
    -- is a subtransaction, which no parallel plan can run before PostgreSQL 17.
    IF p_number <> p_number OR abs(p_number) > 1.7976931348623157082e308 OR abs(p_number) < 4.94e-324 THEN
        RAISE EXCEPTION 'number % is outside the range of a double', btrim(to_char(p_number, '9.999999EEEE'))
            USING ERRCODE = 'KH005', HINT = 'Send numbers beyond the range of a double as strings.';
    END IF;

    v_shortest := trim_scale(p_number);
    v_plain := v_shortest::text;
    v_digits := btrim(translate(v_plain, '-.', ''), '0');

    -- Up to 15 digits, decimal to double and back is the identity; beyond, the double decides.
    IF length(v_digits) > 15 OR abs(p_number) < 1e-300 OR abs(p_number) > 1e300 THEN
        v_double := p_number::double precision;
        v_shortest := trim_scale(v_double::text::numeric);

        IF v_shortest <> p_number OR length(v_digits) > 15 THEN
            -- The exact value of the double, from its bits.
            v_bits := ('x' || encode(float8send(abs(v_double)), 'hex'))::bit(64)::bigint;
            v_exponent := (v_bits >> 52)::integer;
            v_exact := (v_bits & 4503599627370495)::numeric;
            IF v_exponent = 0 THEN
                v_exponent := 1;
            ELSE
                v_exact := v_exact + 4503599627370496;
            END IF;
            v_exponent := v_exponent - 1075;
            IF v_exponent >= 0 THEN
                v_exact := v_exact * 2::numeric ^ v_exponent;
            ELSE
                v_exact := v_exact * 5::numeric ^ (-v_exponent) * ('1e' || v_exponent)::numeric;
            END IF;
            IF p_number < 0 THEN
                v_exact := -v_exact;
            END IF;

            v_digits := btrim(translate(v_shortest::text, '-.', ''), '0');
            v_scale := CASE
                WHEN abs(v_exact) >= 1 THEN length(trunc(abs(v_exact))::text)
                ELSE 1 - length(substring(v_exact::text FROM '[.](0*)')) - 1
            END;
            -- Postgres never prints a decimal half way between two doubles; ECMAScript does where it is shorter
            -- (1e23). Only a form of 16 digits or more can be longer than that.
            FOR v_length IN REVERSE CASE WHEN length(v_digits) < 16 THEN 0 ELSE length(v_digits) - 1 END .. 1 LOOP
                v_unit := ('1e' || (v_scale - v_length))::numeric;
                v_candidate := trunc(v_exact / v_unit) * v_unit;
                IF v_candidate::double precision <> v_double THEN
                    v_candidate := v_candidate + sign(v_exact) * v_unit;
                    EXIT WHEN abs(v_candidate) > 1.7976931348623157e308
                        OR v_candidate::double precision <> v_double;
                END IF;
                v_shortest := trim_scale(v_candidate);
            END LOOP;

            IF v_shortest <> p_number AND v_exact <> p_number THEN
                RAISE EXCEPTION 'number % is not exactly a double', left(v_plain, 60)
                    USING ERRCODE = 'KH005',
                        HINT = 'Send numbers that need more than a double as strings; integers are exact up to 2^53.';
            END IF;
        END IF;
        v_plain := v_shortest::text;
    END IF;

    IF abs(v_shortest) >= 1e21 THEN
        v_scale := length(abs(v_shortest)::text) - 1;
    ELSIF abs(v_shortest) < 1e-6 THEN
        v_scale := - length(substring(v_plain FROM '[.](0*)')) - 1;
    ELSE
        RETURN v_plain;
    END IF;
    v_digits := btrim(translate(v_plain, '-.', ''), '0');
    RETURN CASE WHEN v_shortest < 0 THEN '-' ELSE '' END
        || left(v_digits, 1)
        || CASE WHEN length(v_digits) > 1 THEN '.' || substring(v_digits FROM 2) ELSE '' END
        || 'e' || CASE WHEN v_scale >= 0 THEN '+' ELSE '' END || v_scale;
END
$$;

COMMENT ON FUNCTION khala_internal.canonical_number(numeric) IS
'Internal: a JSON number in RFC 8785 form. Argument: the number. Result: its digits. Errors: KH005 when no double represents it exactly or as ECMAScript prints it.';
REVOKE ALL ON FUNCTION khala_internal.canonical_number(numeric) FROM public;
