"""Types in Python: a member has just the name that the document has."""

from typing import Any, get_type_hints

import pytest

from khala_pg.document_types import python_source
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
