"""Copying between descriptors."""

import contextlib
import os
import threading

import pytest

from khala_pg.runtime.streams import Copy, write_all


def test_copies_bytes_unchanged_and_ends_with_its_source() -> None:
    source, writer = os.pipe()
    reader, target = os.pipe()
    seen = bytearray()
    copy = Copy("test", source, target, seen.extend)
    copy.start()
    data = bytes(range(256)) * 16
    os.write(writer, data)
    os.close(writer)
    copy.wait()
    os.close(target)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == data
    assert bytes(seen) == data
    assert copy.failure is None


def test_a_reader_that_went_away_ends_the_writer() -> None:
    source, writer = os.pipe()
    reader, target = os.pipe()
    os.close(reader)
    copy = Copy("test", source, target)
    copy.start()
    os.write(writer, b"x")
    copy.wait()
    assert isinstance(copy.failure, BrokenPipeError)
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"y")
    os.close(writer)
    os.close(target)


def test_stop_copies_what_is_there() -> None:
    source, writer = os.pipe()
    reader, target = os.pipe()
    copy = Copy("test", source, target)
    os.write(writer, b"already here")
    copy.stop()
    copy.start()
    copy.wait()
    assert os.read(reader, 100) == b"already here"
    for descriptor in (writer, reader, target):
        os.close(descriptor)


def test_abandon_does_not_wait_for_a_full_pipe() -> None:
    source, writer = os.pipe()
    reader, target = os.pipe()
    copy = Copy("test", source, target)
    copy.start()

    def fill() -> None:
        with contextlib.suppress(BrokenPipeError):
            write_all(writer, b"x" * (1 << 18))

    filling = threading.Thread(target=fill)
    filling.start()
    copy.wait(0.2)
    copy.abandon()
    copy.wait()
    os.close(reader)
    filling.join()
    os.close(writer)
    os.close(target)


def test_writes_all_to_a_non_blocking_descriptor() -> None:
    reader, target = os.pipe()
    os.set_blocking(target, False)
    data = os.urandom(1 << 20)
    received = bytearray()

    def drain() -> None:
        while chunk := os.read(reader, 65536):
            received.extend(chunk)

    draining = threading.Thread(target=drain)
    draining.start()
    write_all(target, data)
    os.close(target)
    draining.join()
    os.close(reader)
    assert bytes(received) == data
