"""The files of db/ that hold functions and views, wherever their folders put them."""

from pathlib import Path


def function_files(directory: Path) -> list[Path]:
    """Every function's file below `directory`/functions."""
    return sorted((directory / "functions").rglob("*.sql"))


def function_file(directory: Path, name: str) -> Path:
    """The one file of function `name`. Raises ValueError when there is none, or more than one."""
    (found,) = (directory / "functions").rglob(f"{name}.sql")
    return found
