"""Options that every bench has."""

import argparse
from typing import Any


def bench_parser(description: str | None, rounds: int | None = None) -> argparse.ArgumentParser:
    """A parser with --quick, --pg-bin and, if it has a default, --rounds."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if rounds is not None:
        parser.add_argument(
            "--rounds", type=int, default=rounds, help="beside one that warms up (%(default)s)"
        )
    parser.add_argument(
        "--quick", action="store_true", help="little and not often: to see that it works"
    )
    parser.add_argument("--pg-bin", help="directory of another PostgreSQL's programs")
    return parser


def parse_options(parser: argparse.ArgumentParser, **quick: Any) -> argparse.Namespace:
    """The options; `quick` has the defaults that hold with --quick."""
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(**quick)
    return parser.parse_args()
