"""Rules for SQL that means the same in every session, and in a worker of a parallel plan."""

import re

from psycopg import sql

from khala_pg.resources import db_dir
from support.postgres.databases import Database

_TOKENS = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|"[^"]*"|e'(?:[^'\\]|''|\\.)*'|(?P<u>u&)?'(?P<string>(?:[^']|'')*)'""",
    re.DOTALL | re.IGNORECASE,
)
# Without a time zone, or with days, which a session's time zone makes longer or shorter.
_LOCAL_TIME = re.compile(
    r"\b(current_date|current_time|localtime|localtimestamp|date_trunc|make_timestamptz|to_timestamp)\b"
    r"|::(date|timestamp|timetz)\b|\binterval '[^']*(day|week|mon|year)",
    re.IGNORECASE,
)
_WRITES = re.compile(
    r"\bEXCEPTION\s+WHEN\b|\b(INSERT INTO|UPDATE|DELETE FROM|EXECUTE|LOCK TABLE)\b", re.IGNORECASE
)
_CALL = re.compile(r"(?:\b(\w+)\.)?\b(\w+)\(")

_FUNCTIONS = """
SELECT n.nspname, p.proname, p.proparallel::text, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
FROM pg_proc AS p INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
WHERE n.nspname IN ('khala', 'khala_internal', 'lightning')
"""
_UNSAFE_BUILT_IN = """
SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace
GROUP BY p.proname HAVING bool_and(p.proparallel <> 's')
"""

_DOCUMENTS = """
CREATE TABLE documents (payload jsonb NOT NULL);
INSERT INTO documents
SELECT jsonb_build_object('n', n, 'é', n / 7::double precision, 'list', ARRAY[1e300, 2.50])
FROM generate_series(1, 5000) AS n;
ANALYZE documents
"""
_IN_PARALLEL = """
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2
"""


def _code(source: str) -> str:
    return _TOKENS.sub(lambda token: "" if token["comment"] else token[0], source)


def test_no_string_depends_on_a_setting() -> None:
    """A backslash stands only in E'…', which means the same in every session."""
    assert [
        f"{file.relative_to(db_dir())}: {token[0][:60]}"
        for file in sorted(db_dir().rglob("*.sql"))
        if "tests" not in file.parts
        for token in _TOKENS.finditer(file.read_text())
        if token["string"] is not None and ("\\" in token["string"] or token["u"])
    ] == []


def test_each_script_states_what_it_needs() -> None:
    assert [
        f"{file.relative_to(db_dir())}"
        for folder in ("deploy", "revert", "verify")
        for file in sorted((db_dir() / folder).glob("*.sql"))
        if "\nBEGIN;\n\\ir ../session.sql\n" not in file.read_text()
    ] == []


def test_no_time_depends_on_a_time_zone() -> None:
    assert [
        f"{file.relative_to(db_dir())}: {found[0]}"
        for folder in ("functions", "views")
        for file in sorted((db_dir() / folder).rglob("*.sql"))
        for found in _LOCAL_TIME.finditer(_code(file.read_text()))
    ] == []


def test_what_is_parallel_safe_runs_in_a_worker(database: Database) -> None:
    """It writes nothing, starts no subtransaction, and calls nothing that does."""
    with database.connect() as connection:
        connection.execute("SET search_path = ''")
        functions = connection.execute(_FUNCTIONS).fetchall()
        unsafe = {("pg_catalog", name) for (name,) in connection.execute(_UNSAFE_BUILT_IN)}
    unsafe |= {(schema, name) for schema, name, label, _ in functions if label != "s"}
    wrong = []
    for schema, name, label, source in functions:
        if label == "s":
            code = _code(source)
            called = {(s or "pg_catalog", n) for s, n in _CALL.findall(code)}
            wrong += [f"{schema}.{name} calls {'.'.join(each)}" for each in called & unsafe]
            wrong += [f"{schema}.{name}: {found[0]}" for found in _WRITES.finditer(code)]
    assert wrong == []


def test_documents_are_hashed_in_parallel(database: Database) -> None:
    results = (
        "sum(hashtextextended(khala.canonical_json(payload), 0)),"
        " sum(hashtextextended(khala.payload_hash_text(payload), 0)),"
        " sum(hashtextextended(encode(khala.payload_hash(payload), 'hex'), 0))"
    )
    query = sql.SQL("SELECT {} FROM documents").format(sql.SQL(results))
    parse = "SELECT count(khala.parse_payload(payload::text)) FROM documents"
    with database.connect() as connection:
        connection.execute(_DOCUMENTS)
        connection.execute("SET max_parallel_workers_per_gather = 0")
        alone = connection.execute(query).fetchone()
        connection.execute(_IN_PARALLEL)
        plan = connection.execute(sql.SQL("EXPLAIN ") + query).fetchall()
        assert "Partial Aggregate" in str(plan)
        assert connection.execute(query).fetchone() == alone
        # It catches errors, so only a serial plan may call it.
        assert connection.execute(parse).fetchone() == (5000,)
