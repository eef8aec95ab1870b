"""JSON Schemas that khala.sink checks: SQL refuses just what another validator refuses."""

import json
from typing import Any

import jsonschema_rs
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.postgres.databases import Database
from support.trials.scale import scaled

_NAMES = st.sampled_from(["a", "b", "c/d", "e~"])
_SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.5, 1.0, 9007199254740991]),
    st.sampled_from(["", "a", "ab", "é", "a1"]),
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)
_TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"]
_COUNT = st.integers(0, 3)
_BOUND = st.one_of(st.integers(-2, 2), st.sampled_from([0.5, -1.5]))


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(
                st.sampled_from(_TYPES),
                st.lists(st.sampled_from(_TYPES), min_size=1, max_size=3, unique=True),
            ),
            "enum": st.lists(_VALUES, min_size=1, max_size=3),
            "const": _VALUES,
            "properties": st.dictionaries(_NAMES, inner, max_size=3),
            "required": st.lists(_NAMES, max_size=2, unique=True),
            "additionalProperties": inner,
            "propertyNames": inner,
            "items": inner,
            "allOf": parts,
            "anyOf": parts,
            "oneOf": parts,
            "uniqueItems": st.booleans(),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "pattern": st.sampled_from(["^a", "b$", "^[a-z]+$", r"\d"]),
            "title": st.just("a title"),
            "$ref": st.just("#/$defs/Tree"),
            **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
            **dict.fromkeys(("minProperties", "maxProperties"), _COUNT),
            **dict.fromkeys(("minimum", "maximum"), _BOUND),
            **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _BOUND),
        },
    )


_TREE = {"type": ["object", "number"], "additionalProperties": {"$ref": "#/$defs/Tree"}}
_SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.booleans(), st.just({})), _keywords, max_leaves=5
)
_FAULT = (
    "SELECT f.path, f.fault FROM khala_internal.schema_fault(%(s)s::jsonb, %(v)s::jsonb,"
    " %(s)s::jsonb) AS f"
)


def test_sql_agrees_with_another_validator(newest_database: Database) -> None:
    with newest_database.connect() as connection:

        @settings(
            max_examples=scaled(400),
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(_SCHEMAS, st.lists(_VALUES, min_size=1, max_size=5))
        def agree(schema: Any, values: list[Any]) -> None:
            if isinstance(schema, dict):
                schema = {**schema, "$defs": {"Tree": _TREE}}
            connection.execute(
                "SELECT khala_internal.check_schema(%(s)s::jsonb, %(s)s::jsonb)",
                {"s": json.dumps(schema)},
            )
            validator = jsonschema_rs.Draft202012Validator(schema)
            for value in values:
                row = connection.execute(
                    _FAULT, {"s": json.dumps(schema), "v": json.dumps(value)}
                ).fetchone()
                assert row is not None
                assert (row[1] is None) == validator.is_valid(value), (schema, value, row)

        agree()


def test_a_row_that_does_not_match_is_set_aside_and_its_writer_goes_on(
    newest_database: Database,
) -> None:
    with newest_database.connect() as owner:
        owner.execute("CREATE TABLE public.orders (id int PRIMARY KEY, data jsonb)")
        owner.execute("SELECT khala.attach('public.orders', '{id}', p_ownership => 'public')")
        schema = {
            "properties": {
                "data": {"properties": {"total": {"type": "string"}}, "required": ["total"]}
            }
        }
        owner.execute(
            "SELECT khala.set_topic_schema('public.orders', %s::json, TRUE)", [json.dumps(schema)]
        )
        owner.execute("""INSERT INTO orders VALUES (1, '{"total": "1"}'), (2, '{"total": 2}')""")
        _sequence(owner)
        assert _documents(owner) == ["1"]
        [(key, reason)] = owner.execute(
            "SELECT row_key, reason FROM khala.list_rows_set_aside('public.orders')"
        )
        assert (key, reason) == (
            "2",
            "the schema of the topic is not matched: /data/total is number, and has to be string",
        )
        owner.execute("""UPDATE orders SET data = '{"total": "2"}' WHERE id = 2""")
        owner.execute("UPDATE orders SET data = '{}' WHERE id = 1")
        _sequence(owner)
        assert _documents(owner) == ["2"]


def _sequence(connection: psycopg.Connection[Any]) -> None:
    while connection.execute(
        "SELECT state FROM khala.sequence('public.orders', 100, TRUE)"
    ).fetchone() != ("armed",):
        pass


def _documents(connection: psycopg.Connection[Any]) -> list[str]:
    return [
        key
        for (key,) in connection.execute(
            "SELECT d.doc_key FROM runtime.sync_documents AS d"
            " WHERE d.topic = 'public.orders' AND NOT d.deleted ORDER BY 1"
        )
    ]


def test_a_writer_sees_the_place_and_nothing_is_written(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.register_topic('shop.notes', p_ownership => 'public')")
        connection.execute(
            "SELECT khala.set_topic_schema('shop.notes', %s::json, TRUE)",
            [json.dumps({"properties": {"lines": {"items": {"type": "string"}}}})],
        )
        with pytest.raises(psycopg.Error, match="/lines/1 is number") as refused:
            connection.execute("""SELECT khala.sink('shop.notes', 'k', 1, '{"lines": ["a", 1]}')""")
        assert refused.value.sqlstate == "KH012"
        assert "/lines/1" in str(refused.value.diag.message_hint)
        assert connection.execute(
            "SELECT head_watermark FROM khala.topic_stats WHERE topic = 'shop.notes'"
        ).fetchone() == (0,)
