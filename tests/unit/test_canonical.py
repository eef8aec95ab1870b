"""Canonical bytes, the hash's two forms, and what is refused because it is not I-JSON."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg import canonical
from khala_pg.canonical import NotIJsonError

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)
documents = st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=5)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "{}"),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ({"n": 1.0}, '{"n":1}'),
        ({"n": -0.0}, '{"n":0}'),
        ({"n": 1e21}, '{"n":1e+21}'),
        ({"n": 1e-7}, '{"n":1e-7}'),
        ({"n": 2**53}, '{"n":9007199254740992}'),
        ({"n": 10**20}, '{"n":100000000000000000000}'),
        ({"n": 123456789012345680000}, '{"n":123456789012345680000}'),
        ({"n": 5e-324}, '{"n":5e-324}'),
        # UTF-16 order: the surrogate pair of U+1F600 sorts before U+FB33.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
        ({"s": '\x00\x1f"\\\n€/'}, '{"s":"\\u0000\\u001f\\"\\\\\\n€/"}'),
    ],
)
def test_canonical_text(document: dict[str, Any], text: str) -> None:
    assert canonical.canonical_bytes(document).decode() == text


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        "text",
        {"n": float("nan")},
        {"n": float("inf")},
        {"n": 2**53 + 1},
        {"n": 10**400},
        {"s": "\ud800"},
        {"\udfff": 1},
        {1: 2},
        {"b": b"bytes"},
        {"s": {1, 2}},
    ],
)
def test_refused_values(document: Any) -> None:
    with pytest.raises(NotIJsonError):
        canonical.payload_hash(document)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '"x"',
        "{",
        '{"a":1,"a":2}',
        '{"o":{"a":1,"b":1,"a":1}}',
        '{"n":NaN}',
        '{"n":-Infinity}',
        '{"n":1e400}',
        '{"n":0.10000000000000000001}',
        '{"n":9007199254740993}',
        '{"s":"\\ud800"}',
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_refused_texts(text: str) -> None:
    with pytest.raises(NotIJsonError):
        canonical.parse_document(text)


def test_numbers_a_double_holds_are_taken_in_any_spelling() -> None:
    # The second is the exact value of the double 0.1.
    text = '{"a":0.1,"b":0.1000000000000000055511151231257827021181583404541015625,"c":1e2}'
    assert canonical.canonical_bytes(canonical.parse_document(text)) == b'{"a":0.1,"b":0.1,"c":100}'


@given(documents)
def test_canonical_text_is_a_fixed_point(document: dict[str, Any]) -> None:
    once = canonical.canonical_bytes(document)
    assert canonical.canonical_bytes(canonical.parse_document(once)) == once


@given(documents)
def test_order_of_keys_does_not_matter(document: dict[str, Any]) -> None:
    turned = dict(reversed(document.items()))
    assert canonical.payload_hash(turned) == canonical.payload_hash(document)


def test_forms_of_the_hash() -> None:
    digest = hashlib.sha256(b"{}").digest()
    assert canonical.payload_hash({}) == digest
    assert canonical.hash_text(canonical.payload_hash({})) == "sha256:" + digest.hex()
    assert canonical.hash_from_base64(base64.b64encode(digest).decode()) == digest


@pytest.mark.parametrize("text", ["", "AAAA", "*" * 44, "ä"])
def test_hashes_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical.hash_from_base64(text)
