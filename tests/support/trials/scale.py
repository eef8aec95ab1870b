"""How much the heavy tests do: all of it, or a part for a quick look."""

import os

VARIABLE = "KHALA_TEST_SCALE"


def scaled(full: int, least: int = 1) -> int:
    """`full`, times KHALA_TEST_SCALE (such as 0.1) if that is set, but at least `least`."""
    return max(least, round(full * float(os.environ.get(VARIABLE, "1"))))
