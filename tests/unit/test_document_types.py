"""Types in Python: a member has just the name that the document has."""

import ast
import json
from collections.abc import Callable
from typing import Any, get_type_hints, is_typeddict

import pytest

from khala_pg.document_types import python_source, typescript_source
from khala_pg.document_types.reading import read_document


def types_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The module of a topic `a.b`, run."""
    module: dict[str, Any] = {}
    exec(python_source([read_document("a.b", schema)]), module)
    return module


@pytest.mark.parametrize("name", ["ﬁ", "ª", "class", "__private", "two words", "", "日本", "list"])
def test_members(name: str) -> None:
    module = types_of({"properties": {name: {"type": "integer"}}, "required": [name]})
    assert get_type_hints(module["AB"], module) == {name: int}


def test_definitions_that_python_takes_for_one_name() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    module = types_of({"properties": {"a": True}, "$defs": {"ﬁ": schema, "fi": schema}})
    assert {"ABFi", "ABFi2"} <= module.keys()


_LIST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "next": {"anyOf": [{"$ref": "#/$defs/NAME"}, {"type": "null"}]},
        "all": {"type": "array", "items": {"$ref": "#/$defs/NAME"}},
    },
}


def _list(name: str, member: str) -> dict[str, Any]:
    """A definition that contains itself, and has a member beside."""
    schema: dict[str, Any] = json.loads(json.dumps(_LIST).replace("NAME", name))
    schema["properties"][member] = {"type": "string"}
    return schema


def test_what_two_definitions_that_contain_themselves_have_in_common() -> None:
    module = types_of(
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
            "$defs": {"A": _list("A", "a"), "B": _list("B", "b")},
        }
    )
    # An alias of a class with the members of both, whose own members are of that class.
    both = module[module["AB"]]
    assert both.__annotations__.keys() == {"next", "all", "a", "b"}


def test_a_schema_that_only_refers_is_the_definition() -> None:
    schema = {"type": "object", "$ref": "#/$defs/A", "$defs": {"A": _list("A", "a")}}
    assert types_of(schema)["AB"] == "ABA"
    assert "interface ABA {" in (source := typescript_source([read_document("a.b", schema)]))
    assert "export type AB = ABA;" in source


@pytest.mark.parametrize("name", ["௰", "x௰", "ΐ", "№", "²", "!", "None", "any", "\U0001d49c", "ŉ"])
def test_names_of_definitions(name: str) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    module = types_of({"title": name, "properties": {"a": True}, "$defs": {name: schema}})
    assert len([each for each in module.values() if is_typeddict(each)]) == 2


@pytest.mark.parametrize("text", ["type: a kind", "type: ignore", "noqa", "two\nlines\u2028three"])
def test_a_description_is_nothing_to_a_type_checker(text: str) -> None:
    members = {"a": {"type": "string", "description": text}, "b c": {"description": text}}
    for properties in (members, {"a": members["a"]}):
        source = python_source(
            [read_document("a.b", {"description": text, "properties": properties})]
        )
        ast.parse(source, type_comments=True)


def test_alternatives_of_alternatives_are_not_all_written() -> None:
    either = [{"anyOf": [{"required": [f"a{n}"]}, {"required": [f"b{n}"]}]} for n in range(30)]
    source = python_source([read_document("a.b", {"allOf": either})])
    assert 128 <= source.count("class ") <= 256


@pytest.mark.parametrize("language", [python_source, typescript_source])
@pytest.mark.parametrize("word", ["items", "additionalProperties"])
def test_the_deepest_schema(language: Callable[[Any], str], word: str) -> None:
    schema: Any = {}
    for _ in range(126):
        schema = {word: schema}
    assert "AB" in language([read_document("a.b", {"properties": {"x": schema}})])


def test_a_schema_that_contains_itself() -> None:
    # As Zod writes one.
    kids = {"type": "array", "items": {"$ref": "#"}}
    schema = {"properties": {"kids": kids}, "required": ["kids"], "$defs": {"": {"type": "null"}}}
    assert types_of(schema)["AB"].__annotations__["kids"].__forward_arg__ == "list[AB]"
    assert "readonly kids: readonly AB[];" in typescript_source([read_document("a.b", schema)])
