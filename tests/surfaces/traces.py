"""Traces of the legacy backend: its packages, provider, addresses and variables have its name."""

import re

NAME = re.compile("convex", re.IGNORECASE)
PLANTED_URL = "https://happy-animal-123.convex.cloud"
_AROUND = 40


def traces(where: str, text: str) -> list[str]:
    """Each place in the text that has the name, with what stands around it."""
    return [
        f"{where}: {text[max(0, match.start() - _AROUND) : match.end() + _AROUND]!r}"
        for match in NAME.finditer(text)
    ]
