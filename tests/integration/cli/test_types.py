"""`khala types`: what it writes compiles, and documents have these types."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, Template, cloned
from support.programs.runs import environment, khala_text

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "typescript" / "khala-client"
TSC = CLIENT / "node_modules" / ".bin" / "tsc"

# Name, type, and values of which each becomes a row.
_COLUMNS: list[tuple[str, str, list[str]]] = [
    ("flag", "boolean", ["true"]),
    ("small", "smallint", ["-32768"]),
    ("int", "integer", ["2147483647"]),
    ("big", "bigint", ["9007199254740991", "9223372036854775807"]),
    ("exact", "numeric(10, 2)", ["19.90", "'NaN'"]),
    ("single", "real", ["1.5", "'Infinity'", "1e23"]),
    ("double", "double precision", ["0.1", "'NaN'", "1e23", "1e300"]),
    ("text", "text", ["''", "'*/ \"quoted\" \\ é'"]),
    ("padded", "char(3)", ["'a'"]),
    ("uuid", "uuid", ["'00000000-0000-0000-0000-000000000001'"]),
    ("bytes", "bytea", ["'\\x00ff'"]),
    ("date", "date", ["'2026-01-31'", "'infinity'"]),
    ("local", "timestamp", ["'2026-01-31 23:59:59.5'", "'0044-03-15 BC'"]),
    ("moment", "timestamptz", ["'2026-01-31 23:59:59.5+02'", "'-infinity'"]),
    ("clock", "timetz", ["'12:00+02'"]),
    ("span", "interval", ["'1 year 2 days'"]),
    ("money", "money", ["'1.50'"]),
    ("json", "json", ["'1'", "'{\"a\": [1e400]}'", "'\"\\u0000\"'"]),
    ("jsonb", "jsonb", ["'[null]'", "'1e400'", "'{\"a\": 1}'"]),
    ("range", "int4range", ["'[1,5)'"]),
    ("ranges", "int4multirange", ["'{[1,5)}'"]),
    ("address", "inet", ["'10.0.0.1/8'"]),
    ("point", "point", ["'(1,2)'"]),
    ("vector", "tsvector", ["'a b'"]),
    ("bits", "bit varying(4)", ["'101'"]),
    ("class", "regclass", ["'pg_class'"]),
    ("mood", "mood", ["'sad'", "'it''s \"fine\"'"]),
    ("word", "word", ["'w'"]),
    ("count", "tally", ["1", "9223372036854775807"]),
    ("pair", "pair", ["(1.50, 'sad', ARRAY[1, NULL])", "(NULL, NULL, NULL)"]),
    ("nested", "nested", ["(0.5, ROW(1, NULL, NULL))", "(1e23, NULL)"]),
    ("ints", "integer[]", ["'{1,NULL}'", "'{}'"]),
    ("grid", "integer[][]", ["'{{1,2},{3,NULL}}'", "'{}'"]),
    ("bigs", "bigint[]", ["'{1,NULL}'", "'{1,9223372036854775807}'"]),
    ("exacts", "numeric[]", ["'{1.0,NaN,NULL}'"]),
    ("doubles", "double precision[]", ["'{0.5,NaN,NULL}'", "'{1e23}'"]),
    ("jsons", "json[]", ["ARRAY['1', NULL, '{\"a\": 1}']::json[]"]),
    ("jsonbs", "jsonb[]", ["ARRAY['1', 'null']::jsonb[]", "ARRAY['1e400']::jsonb[]"]),
    ("moods", "mood[]", ["'{sad,NULL}'", "'{}'"]),
    ("mood_grid", "mood[][]", ["'{{sad,ok}}'", "'{}'"]),
    ("pairs", "pair[]", ["ARRAY[ROW(1, 'ok', NULL)::pair, NULL]"]),
    ("words", "word[]", ["'{a,b}'"]),
    ("shelf", "shelf", ["'{a,b}'"]),
    ("moments", "timestamptz[]", ["'{2026-01-31 12:00+00}'"]),
    ("odd name", "text", ["'o'"]),
    ("1st", "integer", ["1"]),
    ('"; x', "integer", ["1"]),
    ("__x", "integer", ["1"]),
]
_TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine"');
CREATE DOMAIN word AS text NOT NULL CHECK (value <> 'no');
CREATE DOMAIN tally AS bigint;
CREATE DOMAIN shelf AS text[];
CREATE TYPE pair AS (n numeric, m mood, a integer[]);
CREATE TYPE nested AS (f double precision, p pair);
"""
_ORDER: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Order",
    "description": 'An order. */ """ `x`',
    "type": "object",
    "properties": {
        "id": {"type": ["integer", "string"]},
        "state": {"enum": ["new", "paid", 1, True, None]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "by": {"anyOf": [{"$ref": "#/$defs/card"}, {"$ref": "#/$defs/cash"}]},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "note": {"type": ["string", "null"], "description": "Two\nlines */"},
        "any": True,
        "not-a-name": {"type": "number"},
        "both": {
            "allOf": [
                {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            ]
        },
        "narrowed": {"type": "string", "enum": ["x", 1]},
    },
    "required": ["id", "state", "lines"],
    "additionalProperties": False,
    "$defs": {
        "line": {
            "type": "object",
            "properties": {
                "sku": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            },
            "required": ["sku"],
        },
        "card": {
            "type": "object",
            "properties": {"kind": {"const": "card"}, "last4": {"type": "string"}},
            "required": ["kind", "last4"],
        },
        "cash": {"type": "object", "properties": {"kind": {"const": "cash"}}, "required": ["kind"]},
    },
}
_ORDERS: list[dict[str, Any]] = [
    {"id": 1, "state": "new", "lines": []},
    {
        "id": "2",
        "state": None,
        "lines": [{"sku": "a", "parts": [{"sku": "b"}]}],
        "by": {"kind": "card", "last4": "0000"},
        "tags": {"a": "b"},
        "note": None,
        "any": [1, {}],
        "not-a-name": 1.5,
        "both": {"a": "x", "b": "y"},
        "narrowed": "x",
    },
]


def khala(database: Database, *words: str, status: int = 0) -> str:
    done = khala_text(*words, env=environment(database.dsn))
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def described(
    newest_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Database]:
    """A database with a table of every type of column, and a topic with a schema."""
    with cloned(template_of(newest_server)) as database:
        describe(database, tmp_path_factory.mktemp("schemas"))
        yield database


def describe(database: Database, place: Path) -> None:
    names = ", ".join(
        f'"{name.replace(chr(34), chr(34) * 2)}" {type_}' for name, type_, _ in _COLUMNS
    )
    with database.connect() as owner:
        owner.execute(_TYPES.encode())
        owner.execute(
            f"CREATE TABLE every (id bigint PRIMARY KEY, always text NOT NULL, {names})".encode()
        )
        for nth in range(max(len(values) for _, _, values in _COLUMNS)):
            row = ", ".join(values[min(nth, len(values) - 1)] for _, _, values in _COLUMNS)
            owner.execute(f"INSERT INTO every VALUES ({nth}, 'a', {row})".encode())
        owner.execute("INSERT INTO every (id, always, word) VALUES (-1, '', 'w')")
        # The only way to a null in a column of a domain that is NOT NULL.
        owner.execute(
            "INSERT INTO every (id, always, word)"
            " VALUES (-2, '', (SELECT e.word FROM every AS e WHERE FALSE))"
        )
    khala(database, "attach", "public.every", "--key", "id", "--public")
    khala(database, "topics", "add", "shop.orders", "--ownership", "public")
    schema = place / "order.json"
    schema.write_text(json.dumps(_ORDER))
    khala(database, "topics", "set", "shop.orders", "--schema", str(schema), "--check")
    with database.connect() as runtime:
        for nth, order in enumerate(_ORDERS):
            runtime.execute(
                "SELECT khala.sink('shop.orders', %s, 1, %s::jsonb)", (str(nth), json.dumps(order))
            )


def documents(database: Database, topic: str) -> list[Any]:
    with database.connect() as connection:
        return [
            payload
            for (payload,) in connection.execute(
                "SELECT d.payload FROM runtime.sync_documents AS d WHERE d.topic = %s ORDER BY 1",
                (topic,),
            )
        ]


def test_documents_of_every_type_of_column_match_the_schema(described: Database) -> None:
    rows = documents(described, "public.every")
    assert len(rows) > 4
    with described.connect() as connection:
        [(schema,)] = connection.execute(
            "SELECT s.schema FROM khala.topic_schemas('{public.every}') AS s"
        )
        validator = jsonschema_rs.Draft202012Validator(schema)
        for row in rows:
            assert [str(error) for error in validator.iter_errors(row)] == []
            # And by the rules of Khala's own.
            assert connection.execute(
                "SELECT f.path, f.fault FROM khala_internal.schema_fault("
                "%(schema)s::jsonb, %(row)s::jsonb, %(schema)s::jsonb) AS f",
                {"schema": json.dumps(schema), "row": json.dumps(row)},
            ).fetchone() == (None, None)


def test_python(described: Database, tmp_path: Path) -> None:
    module = tmp_path / "topics.py"
    said = khala(described, "types", "--lang", "python", "--out", str(module))
    assert "types of 2 topics" in said
    assert khala(described, "types", "--lang", "python") == module.read_text("utf-8")
    (tmp_path / "use.py").write_text(
        "from topics import Order, PublicEvery\n"
        f"rows: list[PublicEvery] = {documents(described, 'public.every')!r}\n"
        f"orders: list[Order] = {_ORDERS!r}\n"
        # A comment that is not needed is an error.
        "rows[0]['nothing']  # type: ignore[typeddict-item]\n"
        "number: int = rows[0]['mood']  # type: ignore[assignment]\n"
        "sku: str = orders[0]['lines'][0].get('parts', [])[0]['sku']\n"
        "orders[0]['state'] = 'other'  # type: ignore[typeddict-item]\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / ".cache", "use.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    subprocess.run([sys.executable, "-c", "import topics"], cwd=tmp_path, check=True)


_USE = """
import { createKhalaClient, type JsonObject, type KhalaTopics } from "khala-client";
import type { Order, PublicEvery } from "./topics.js";

export const rows: readonly PublicEvery[] = ROWS;
export const orders: readonly Order[] = ORDERS;
const client = createKhalaClient({ url: "ws://localhost", token: "t" });
const [order] = client.topic("shop.orders").getSnapshot();
export const sku: string | undefined = order?.payload.lines[0]?.parts?.[0]?.sku;
export const kind: "card" | "cash" | undefined = order?.payload.by?.kind;
export const both: string | undefined = order?.payload.both?.b;
const [row] = client.topic("public.every").getSnapshot();
export const mood: "sad" | "ok" | 'it\\'s "fine"' | null | undefined = row?.payload.mood;
// @ts-expect-error: it is text.
export const wrong: number | undefined = row?.payload.mood;
// @ts-expect-error: no such column.
row?.payload.nothing;
// @ts-expect-error: not a state.
export const state: Order["state"] = "other";
export const names: (keyof KhalaTopics)[] = ["public.every", "shop.orders"];
// Topics without a type, and the program's own word.
export const plain: JsonObject | undefined = client.topic("a.b").getSnapshot()[0]?.payload;
export const own: 1 | undefined = client.topic<{ a: 1 }>("a.b").getSnapshot()[0]?.payload.a;
"""


@pytest.mark.skipif(not TSC.exists(), reason="typescript is not installed")
def test_typescript(described: Database, tmp_path: Path) -> None:
    source = tmp_path / "topics.ts"
    khala(described, "types", "--lang", "ts", "--out", str(source))
    assert khala(described, "types", "--lang", "ts") == source.read_text("utf-8")
    package = tmp_path / "node_modules" / "khala-client"
    package.mkdir(parents=True)
    shutil.copy(CLIENT / "package.json", package)
    (tmp_path / "node_modules" / "@bufbuild").symlink_to(CLIENT / "node_modules" / "@bufbuild")
    # Its declarations, without those of what other packages are for.
    build = {
        "extends": str(CLIENT / "tsconfig.build.json"),
        "compilerOptions": {"emitDeclarationOnly": True, "outDir": str(package / "dist")},
        "files": [str(CLIENT / "src" / "index.ts")],
        "include": [],
    }
    (tmp_path / "build.json").write_text(json.dumps(build))
    run(TSC, "-p", tmp_path / "build.json")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    rows, orders = documents(described, "public.every"), _ORDERS
    (tmp_path / "use.ts").write_text(
        _USE.replace("ROWS", json.dumps(rows)).replace("ORDERS", json.dumps(orders))
    )
    options = json.loads((CLIENT / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"types": [], "skipLibCheck": False}
    (tmp_path / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "files": ["use.ts"]})
    )
    run(TSC, "-p", tmp_path)


def run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_refusals_say_what_to_do(newest_database: Database, tmp_path: Path) -> None:
    said = khala(newest_database, "types", "--lang", "ts", status=2)
    assert "no topic has a table or a schema" in said
    assert "khala topics set" in said
    words = ["types", "--lang", "ts", "--topic", "runtime.run_summaries"]
    assert "neither a table nor a schema" in khala(newest_database, *words, status=2)
    schema = tmp_path / "s.json"
    schema.write_text("{")
    words = ["topics", "set", "runtime.notifications", "--schema", str(schema)]
    assert "is not JSON" in khala(newest_database, *words, status=2)
    for content in (b"\xff", b"[" * 100_000, b'{"type": "object", "type": "array"}'):
        schema.write_bytes(content)
        assert "is not JSON" in khala(newest_database, *words, status=2)
    assert "cannot be read" in khala(newest_database, *words[:-1], str(tmp_path), status=2)
    schema.write_text('\ufeff{"properties": {"a": {"if": {}}}}')
    assert "/properties/a has the keyword 'if'" in khala(newest_database, *words, status=1)
    schema.write_text('{"properties": {"a": {}}}')
    assert "writes are checked by" in khala(newest_database, *words, "--check")
    assert "writes are not checked by" in khala(newest_database, *words)
    assert "readonly a?: unknown" in khala(newest_database, "types", "--lang", "ts")
    listed = map(json.loads, khala(newest_database, "topics", "--json").splitlines())
    assert {each["topic"] for each in listed if each["json_schema"] == "set"} == {words[2]}
    khala(newest_database, *words[:3], "--no-schema")
    khala(newest_database, "types", "--lang", "ts", status=2)
    assert "without --schema" in khala(newest_database, *words[:3], "--check", status=2)


def test_what_is_no_file_is_not_read(described: Database, tmp_path: Path) -> None:
    out = tmp_path / "pipe"
    os.mkfifo(out)
    with subprocess.Popen(["cat", out], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        khala(described, "types", "--lang", "ts", "--out", str(out))
        assert b"interface KhalaTopics" in reader.stdout.read()


def test_a_changed_table_is_told(newest_database: Database) -> None:
    with newest_database.connect() as owner:
        owner.execute("CREATE TABLE public.orders (id int PRIMARY KEY)")
    khala(newest_database, "attach", "public.orders", "--key", "id", "--public")
    with newest_database.connect() as owner:
        owner.execute("ALTER TABLE public.orders ADD extra int")
    done = khala_text("types", "--lang", "ts", env=environment(newest_database.dsn))
    assert done.returncode == 0, done
    assert "readonly extra: number | null" in done.stdout
    assert "has changed since it was attached" in done.stderr
