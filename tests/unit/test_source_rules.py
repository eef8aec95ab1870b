"""Rules of Python's own that the linters do not know."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "python" / "khala_pg"


def test_nothing_is_raised_inside_of_except_star() -> None:
    """Until Python 3.11.4 such an exception becomes a group, which no caller expects."""
    raising = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.TryStar)
        and any(isinstance(inner, ast.Raise) for each in node.handlers for inner in ast.walk(each))
    ]
    assert raising == []
