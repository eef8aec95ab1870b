"""Tables of the README, from what the benches saved.

    python -m bench.support.tables

bench/README.md gets, between `<!-- NAME -->` and `<!-- end -->`, the tables of
bench/results/NAME.json and the conditions under which they were measured. Where there is no such
file, it stays as it is.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from bench.support.results import RESULTS

README = Path(__file__).resolve().parents[1] / "README.md"
_PLACE = re.compile(r"(<!-- (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def markdown(saved: dict[str, Any]) -> str:
    """The tables of a file, and the conditions."""
    parts = []
    for table in saved["tables"]:
        columns = table["columns"]
        rows = [columns, ["---"] * len(columns), *table["rows"]]
        lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        parts.append(f"{table['title']}:\n\n{lines}")
    machine = saved["machine"]
    parts.append(
        f"`{machine['command']}`, {machine['cores']} cores, load average {machine['load_before']}"
        f" when it began, {machine['ended_at'][:10]}.\n"
    )
    return "\n" + "\n".join(parts) + "\n"


def filled(text: str) -> str:
    """The README with the tables of every result that is there."""

    def fill(place: re.Match[str]) -> str:
        file = RESULTS / f"{place['name']}.json"
        if not file.exists():
            return place[0]
        return place[1] + markdown(json.loads(file.read_text(encoding="utf-8"))) + place[3]

    return _PLACE.sub(fill, text)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
