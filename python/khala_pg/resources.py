"""Paths of the SQL and proto files: inside an installed package, or at the top of a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def _find(packaged: str, checked_out: str) -> Path:
    for candidate in (_PACKAGE / packaged, _CHECKOUT / checked_out):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"khala-pg is installed without its {checked_out}/ files: reinstall the package"
    )


def db_dir() -> Path:
    """The directory with sqitch.plan, deploy/, revert/, verify/, functions/ and functions.sql."""
    return _find("_db", "db")


def web_dir() -> Path | None:
    """The directory of the built admin page; None if it is not built (`make web`)."""
    built = _CHECKOUT / "typescript" / "web" / "dist"
    return built if (built / "index.html").is_file() else None


def proto_dir() -> Path:
    """The directory with openagents/sync/v1/*.proto."""
    return _find("_proto", "proto")
