-- A schema of impostors: every operator, function, type and table that the functions use, under its own name. Each
-- says so when it is called. A temporary schema, which comes first for types and tables, is made by each session.
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO public;
DO $$
DECLARE
    v_made record;
    v_bodies text := (
        SELECT string_agg(pg_get_functiondef(p.oid), ' ') FROM pg_proc AS p WHERE p.pronamespace IN ('khala'::regnamespace, 'khala_internal'::regnamespace, 'lightning'::regnamespace)
    );
BEGIN
    FOR v_made IN
        SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
            row_number() OVER () AS place
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0 AND p.proallargtypes IS NULL
            AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
            AND NOT EXISTS (
                SELECT FROM unnest(p.proargtypes) AS a (type) INNER JOIN pg_type AS y ON a.type = y.oid
                WHERE y.typtype = 'p' AND y.typname NOT IN ('anyelement', 'anyarray')
            )
            AND (p.prorettype NOT IN ('anyelement'::regtype, 'anyarray'::regtype, 'anycompatible'::regtype) OR p.pronargs > 0)
            AND v_bodies ~* ('\m' || p.proname || '\s*\(')
    LOOP
        EXECUTE format(
            'CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''hijacked''; END$f$',
            v_made.proname, v_made.arguments, v_made.result
        );
    END LOOP;
    FOR v_made IN
        SELECT o.oprname, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r,
            format_type(o.oprresult, NULL) AS result, 'operator_' || row_number() OVER () AS name
        FROM pg_operator AS o
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprleft <> 0 AND o.oprright <> 0
            AND o.oprleft = ANY('{text,name,bigint,integer,numeric,float8,boolean,bytea,jsonb,timestamptz,interval,oid}'::regtype[])
            AND o.oprright = ANY('{text,name,bigint,integer,numeric,float8,boolean,bytea,jsonb,timestamptz,interval,oid,text[]}'::regtype[])
    LOOP
        EXECUTE format(
            'CREATE FUNCTION evil.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''hijacked''; END$f$',
            v_made.name, v_made.l, v_made.r, v_made.result
        );
        EXECUTE format(
            'CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.%I)',
            v_made.oprname, v_made.l, v_made.r, v_made.name
        );
    END LOOP;
    FOR v_made IN
        SELECT c.relname FROM pg_class AS c
        WHERE c.relkind IN ('r', 'p', 'v')
            AND (
                c.relnamespace IN ('runtime'::regnamespace, 'lightning'::regnamespace)
                OR c.relname IN ('pg_database', 'pg_class', 'pg_proc', 'pg_roles', 'pg_type', 'pg_namespace')
                AND c.relnamespace = 'pg_catalog'::regnamespace
            )
    LOOP
        EXECUTE format('CREATE TABLE evil.%I (hijacked boolean)', v_made.relname);
    END LOOP;
    FOR v_made IN SELECT d.name FROM unnest(ARRAY['text', 'jsonb', 'bytea', 'timestamptz', 'json']) AS d (name) LOOP
        EXECUTE format('CREATE DOMAIN evil.%I AS integer', v_made.name);
    END LOOP;
END
$$;

CREATE FUNCTION evil.occupy_temporary_schema() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    v_made record;
BEGIN
    FOR v_made IN
        SELECT y.typname, y.typtype FROM pg_type AS y WHERE y.typnamespace = 'evil'::regnamespace AND y.typtype IN ('c', 'd')
    LOOP
        EXECUTE format(
            CASE v_made.typtype WHEN 'd' THEN 'CREATE DOMAIN pg_temp.%I AS integer' ELSE 'CREATE TABLE pg_temp.%I (hijacked boolean)' END,
            v_made.typname
        );
    END LOOP;
END
$$;
