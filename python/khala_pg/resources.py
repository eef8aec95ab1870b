"""Paths of files that are no Python: inside an installed package, or at the top of a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def db_dir() -> Path:
    """The directory with sqitch.plan, deploy/, revert/, verify/, functions/ and functions.sql."""
    for candidate in (_PACKAGE / "_db", _CHECKOUT / "db"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError("khala-pg is installed without its db/ files: reinstall the package")


def web_dir() -> Path | None:
    """The directory of the built admin page; None if it is not built (`make web`)."""
    for built in (_PACKAGE / "_web", _CHECKOUT / "typescript" / "web" / "dist"):
        if (built / "index.html").is_file():
            return built
    return None
