"""Names of types: the same for the same schemas, each once."""

import keyword
import re
import unicodedata
from collections.abc import Iterable


class Names:
    """Names that are given out. A name depends on those before it: ask in a fixed order."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = set(reserved)

    def give(self, *wishes: str) -> str:
        """The first of these, in PascalCase, that is free; else the last one with a number."""
        names = [_pascal(wish) for wish in wishes if wish]
        candidates = [*names, *(f"{names[-1]}{nth}" for nth in range(2, len(self._taken) + 3))]
        name = next(each for each in candidates if each not in self._taken)
        self._taken.add(name)
        return name


def _pascal(text: str) -> str:
    # As Python reads names: two that it takes for one are one here.
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text))
    joined = "".join(word[0].upper() + word[1:] for word in words)
    # Some numerals are of words, and not of names.
    name = "".join(
        char for char in unicodedata.normalize("NFKC", joined) if f"a{char}".isidentifier()
    )
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"Type{name}"


def one_line(text: str) -> str:
    """A description as a comment holds it."""
    return " ".join(text.split())
