"""Counting output and finding its last line."""

import pytest

from khala_pg.runtime.output import OutputMeter, Progress, last_line


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
    assert last_line(tail) == expected


def test_counts_all_streams_and_remembers_the_latest() -> None:
    meter = OutputMeter()
    meter.feed("stdout", b"one\ntw")
    meter.feed("stderr", b"warning\n")
    assert meter.progress() == Progress(2, 14, "warning")
    meter.feed("stdout", b"o\n")
    assert meter.progress() == Progress(3, 16, "two")


def test_a_long_line_costs_no_memory() -> None:
    meter = OutputMeter()
    for _ in range(100):
        meter.feed("stdout", b"x" * 65536)
    assert sum(map(len, meter._tails.values())) == 4096
    assert meter.progress().bytes == 100 * 65536


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
