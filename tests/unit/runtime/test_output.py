"""Counting output and finding its last lines."""

import pytest

from khala_pg.runtime.output import OutputMeter, Progress, last_lines


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\ntwo", "two"),
        (b"one\r\n\r\n  \n", "one"),
        (b" 10%\r 20%\r 30%", "30%"),
        (b"\x1b[32mgreen\x1b[0m\n", "green"),
        (b"\x1b]0;title\x07text\n", "text"),
        (b"text\n\x1b[2K\x1b[1G", "text"),
        ("héllo ✓\n".encode(), "héllo ✓"),
        (b"a\x00b\tc\n", "a b c"),
        (b"\xff\xfe\n", "\ufffd\ufffd"),
        (b"x" * 4000, "x" * 500),
    ],
)
def test_last_line_is_what_one_reads(tail: bytes, expected: str) -> None:
    found = last_lines([("stdout", tail)])
    assert (found or ("",))[-1] == expected


def test_a_line_that_is_written_over_is_one_line() -> None:
    bar = b"start\r\n" + b"".join(b"\r\x1b[K%d%%" % share for share in range(101))
    assert last_lines([("stdout", bar)]) == ("start", "100%")


def test_last_lines_of_all_streams_in_turn() -> None:
    meter = OutputMeter()
    meter.feed("stdout", b"one\n\ntw")
    meter.feed("stderr", b"warning\n")
    assert meter.progress() == Progress(3, 15, ("one", "warning", "tw"))
    meter.feed("stdout", b"o\n")
    assert meter.progress() == Progress(4, 17, ("one", "warning", "two"))
    assert meter.progress().payload()["last_line"] == "two"


def test_an_event_holds_twenty_lines_of_two_hundred_characters() -> None:
    meter = OutputMeter()
    meter.feed("stdout", b"".join(b"%03d" % n + b"x" * 300 + b"\n" for n in range(100)))
    payload = meter.progress().payload()
    assert payload["last_lines"] == ["x" * 200] * 20
    assert payload["last_line"] == "099" + "x" * 300


def test_a_long_line_costs_no_memory() -> None:
    meter = OutputMeter()
    for _ in range(100):
        meter.feed("stdout", b"x" * 65536)
        meter.feed("stderr", b"y")
    assert sum(len(chunk) for _, chunk in meter._tail) <= 2 * 8192
    assert meter.progress().bytes == 100 * 65537


def test_wakes_once_for_each_arming() -> None:
    meter = OutputMeter()
    woken: list[str] = []
    assert meter.arm(0, lambda: woken.append("first"))
    meter.feed("stdout", b"a")
    meter.feed("stdout", b"b")
    assert woken == ["first"]
    assert not meter.arm(1, lambda: woken.append("never"))
    assert meter.arm(2, lambda: woken.append("second"))
    meter.feed("stdout", b"c")
    assert woken == ["first", "second"]
