"""Options that every bench has."""

import argparse
from typing import Any


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """A parser with --rounds, --quick and --pg-bin; the description is printed as it stands."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--rounds", type=int, default=rounds, help="beside one that warms up (%(default)s)"
    )
    made.add_argument(
        "--quick", action="store_true", help="few rounds of little, to compare changes"
    )
    made.add_argument("--pg-bin", help="directory of another PostgreSQL's programs")
    return made


def parse(made: argparse.ArgumentParser, **quick: Any) -> argparse.Namespace:
    """The options; those in `quick` are the defaults with --quick."""
    if made.parse_known_args()[0].quick:
        made.set_defaults(**quick)
    return made.parse_args()
