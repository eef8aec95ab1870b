"""The states of a connection in words."""

import io
import json

import pytest

from khala_pg.cli.watch.tail_lines import describe, line
from khala_pg.client import Change, ChangeKind, ConnectionState, Document, Status
from khala_pg.client.errors import TransportError


def test_an_end_without_an_error_is_not_reported() -> None:
    assert describe(Status(ConnectionState.DISCONNECTED)) is None


def test_a_lost_connection_is_reported_with_its_error() -> None:
    lost = Status(ConnectionState.DISCONNECTED, error=TransportError("the server went away"))
    assert describe(lost) == "disconnected: the server went away"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_line_is_json_whatever_standard_output_can_write(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding, errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", stdout)
    payload = {"text": "naïve 🙂", "shown": "\\U0001f642"}
    document = Document("t", "🙂", 1, 1, b"\0" * 32, False, payload)
    stdout.write(line(Change(ChangeKind.PUT, "t", "🙂", document, None)))
    stdout.flush()
    found = json.loads(written.getvalue().decode(encoding))
    assert (found["doc_key"], found["payload"]) == ("🙂", payload)
    assert (b"\\ud83d" in written.getvalue()) is (encoding != "utf-8")
