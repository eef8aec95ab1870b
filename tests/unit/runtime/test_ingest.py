"""What a line may be, and where it stands."""

import io
import json

import pytest

from khala_pg.runtime.ingest import _LINE_BYTES, Line, LineError, _batches, check_line

GOOD = b'{"entity": "run", "id": "a", "seq": 1, "type": "t", "org_id": "o"}'


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        GOOD + b"\r",
        b"  " + GOOD + b"  ",
        GOOD.replace(b'"a"', '"é \\ud83d\\ude00"'.encode()),
        b'{"entity": "run", "id": "\\\\u0000", "seq": 1, "type": "t", "org_id": "o"}',
        GOOD[:-1] + b', "payload": {"n": 1e300}}',
    ],
)
def test_a_good_line_goes_on_as_it_is(line: bytes) -> None:
    assert check_line(1, line, None) == line.decode()


@pytest.mark.parametrize("line", [b"", b"  ", b"\r"])
def test_a_blank_line_is_nothing(line: bytes) -> None:
    assert check_line(1, line, None) is None


def with_payload(payload: str) -> bytes:
    return (GOOD[:-1].decode() + f', "payload": {payload}}}').encode()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"\xff" + GOOD, "is not UTF-8 (byte 1)"),
        (b"{", "is not JSON"),
        (GOOD + GOOD, "is not JSON: Extra data at character"),
        (b"[]", "is not a JSON object"),
        (b'{"entity": "run", "seq": 1, "type": "t", "org_id": "o"}', "field id is missing"),
        (with_payload('{"a": 1, "a": 2}'), 'has the key "a" twice'),
        (with_payload('{"a": NaN}'), "NaN is not a JSON number"),
        (with_payload('{"a": 1e400}'), "outside the range of a double"),
        (with_payload('{"a": ' + "9" * 5000 + "}"), "line 7"),
        (with_payload('{"a": "\\ud800"}'), "lone surrogate"),
        (with_payload('{"\\u0000": 1}'), "U+0000"),
        (with_payload('{"a": "\\\\\\u0000"}'), "U+0000"),
        (with_payload("[" * 100000 + "]" * 100000), "nested too deeply"),
    ],
)
def test_a_bad_line_is_named(line: bytes, says: str) -> None:
    with pytest.raises(LineError) as caught:
        check_line(7, line, None)
    assert str(caught.value).startswith("line 7: ")
    assert says in str(caught.value)


class Dribble(io.RawIOBase):
    """A pipe whose writer is slow: each read returns the next piece."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def read(self, size: int = -1) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def numbers(*pieces: bytes) -> list[list[int]]:
    source = Dribble(*pieces)
    found: list[list[int]] = []
    for lines, _, error in _batches(source, None):  # type: ignore[arg-type]
        if error is not None:
            raise error
        found.append([line.number for line in lines])
    return found


def test_lines_are_numbered_across_reads_and_blank_ones_count() -> None:
    assert numbers() == []
    assert numbers(GOOD[:3], GOOD[3:] + b"\n\n" + GOOD[:9], GOOD[9:] + b"\n", GOOD) == [
        [1],
        [3],
        [4],
    ]


def test_a_byte_order_mark_is_skipped() -> None:
    assert numbers(b"\xef\xbb\xbf", GOOD + b"\n") == [[1]]


def test_batches_are_bounded() -> None:
    source = io.BytesIO((GOOD + b"\n") * 2500)
    batches = [(len(lines), position) for lines, position, _ in _batches(source, None)]
    assert batches == [(count, (len(GOOD) + 1) * 2500) for count in (1000, 1000, 500)]


def test_what_stands_before_an_error_comes_first() -> None:
    source = io.BytesIO(GOOD + b"\n" + GOOD + b"\nnonsense\n" + GOOD)
    found = list(_batches(source, None))
    assert [line.number for line in found[0][0]] == [1, 2]
    assert isinstance(found[1][2], LineError)
    assert found[1][2].line == 3
    assert found[0][0][0] == Line(1, GOOD.decode())


def test_a_line_without_end_is_refused() -> None:
    source = io.BytesIO(GOOD + b"\n" + b"x" * (_LINE_BYTES + (1 << 19)))
    with pytest.raises(LineError, match="line 2: is longer than"):
        list(_batches(source, None))


def test_json_of_python_is_what_it_reads() -> None:
    assert check_line(1, json.dumps({"entity": 1, "id": 2, "seq": 3, "type": 4}).encode(), "o")


def test_a_line_that_names_no_organisation_gets_the_one_that_is_given() -> None:
    line = b' {"entity": "run", "id": "a", "seq": 1, "type": "t"}'
    text = check_line(1, line, 'ac"me')
    assert text is not None
    assert json.loads(text) == {**json.loads(line), "org_id": 'ac"me'}
    with pytest.raises(LineError, match="line 1: names no organisation") as refused:
        check_line(1, line, None)
    assert "--org" in refused.value.hint
