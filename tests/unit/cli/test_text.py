"""What is printed: a key or a name has no hold on the terminal that shows it."""

import json

import pytest
from rich.markup import escape
from rich.table import Table

from khala_pg.cli.text import json_text, print_table

_HOSTILE = "a\x1b[31mb\x9b2J\x07\r\x7f"
_SHOWN = r"a\u001b[31mb\u009b2J\u0007\u000d\u007f"


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title="[bold]one[/]")
    table.add_column("key")
    table.add_row(escape(_HOSTILE))
    print_table(table, "none")
    shown = capsys.readouterr().out
    assert _SHOWN in shown
    assert "[bold]" not in shown


def test_json() -> None:
    text = json_text({_HOSTILE: "é\n"}, indent=2)
    assert not any(char in text for char in "\x1b\x9b\x7f\r\x07")
    assert json.loads(text) == {_HOSTILE: "é\n"}
