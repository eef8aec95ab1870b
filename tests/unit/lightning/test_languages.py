"""Claims about two path patterns hold for every short path; of the unknown nothing is claimed."""

import itertools
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.lightning.compiler.languages import Searches
from khala_pg.lightning.compiler.patterns import PathKind, PathPattern, parse_path

WORDS = ["/" + "".join(w) for n in range(6) for w in itertools.product("ab/", repeat=n)]

_atoms = st.sampled_from(["a", "b", "/", ".", "[ab]", "[^a]"])
_expressions = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)
_plain = st.sampled_from(["/", "/a", "/ab", "/a/*", "/*", "/ab/*"])
_patterns = st.one_of(_plain, _expressions.map(lambda inner: f"/(?:{inner})")).map(parse_path)


def overlap(one: PathPattern, other: PathPattern) -> bool | None:
    return Searches().overlap(one, other, ["pw"])


def contains(general: PathPattern, special: PathPattern) -> bool | None:
    return Searches().contains(general, special, ["pw"])


def words_of(pattern: PathPattern) -> set[str]:
    compiled = re.compile(pattern.regular_expression)
    return {word for word in WORDS if compiled.search(word)}


@given(_patterns, _patterns)
def test_claims_hold_for_every_short_path(one: PathPattern, other: PathPattern) -> None:
    first, second = words_of(one), words_of(other)
    shared = overlap(one, other)
    assert shared is not None
    assert shared == overlap(other, one)
    assert shared or not first & second
    inside = contains(one, other)
    assert inside is not None
    assert not inside or second <= first


@given(_patterns)
def test_every_match_begins_as_the_pattern_says(pattern: PathPattern) -> None:
    assert all(word.startswith(pattern.beginning) for word in words_of(pattern))


@pytest.mark.parametrize(
    ("path", "beginning"),
    [
        ("/news/*", "/news/"),
        (r"/v1\.0/\d+", "/v1.0/"),
        ("/ab?c", "/a"),
        ("/ab+c", "/ab"),
        ("/a|/b", ""),
        ("/x(a|b)", "/x"),
        ("/x[|]y", "/x"),
    ],
)
def test_plain_beginnings_of_expressions(path: str, beginning: str) -> None:
    assert parse_path(path).beginning == beginning


@pytest.mark.parametrize("expression", [r"/a\b.*", "/" + "(a?){60}" * 90])
def test_nothing_is_claimed_of_what_cannot_be_decided(expression: str) -> None:
    pattern = PathPattern(PathKind.REGEX, expression)
    assert overlap(pattern, parse_path("/a.+")) is None
    assert contains(pattern, parse_path("/a.+")) is None


def test_a_search_that_would_take_too_long_ends() -> None:
    wide = parse_path("/(?:a|b)*a(?:a|b){18}")
    assert contains(wide, parse_path("/(?:a|b)*b(?:a|b){18}")) is None


ALPHABET = "".join(map(chr, range(0x4E00, 0x4E00 + 600, 2)))
HOSTILE = {
    "every character is a class of its own, and every state is left for every other": [
        f"/(?:{''.join(f'{c}?' for c in order)})*x" for order in (ALPHABET, ALPHABET[::-1])
    ],
    "all states at once": [f"/[a-z]*a{'[a-z]' * 40}{n}" for n in range(100)],
    "as large as may be": [f"/{'(a?)' * 480}{n}" for n in range(60)],
    "wide classes": [f"/[{ALPHABET}{n}]+" for n in range(10)],
    "what the parser cannot read": [f"/{'a' * 900}{n}\\b.*" for n in range(60)],
}


@pytest.mark.parametrize("priorities", ["equal", "rising"])
@pytest.mark.parametrize("paths", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_owner_keeps_the_compiler_busy(paths: list[str], priorities: str) -> None:
    """The work is bounded by the number of paywalls, and what others conflict in is still found."""
    searches = Searches()
    patterns = [parse_path(path) for path in paths]
    started = time.process_time()
    for place, later in enumerate(patterns):
        for earlier in patterns[:place]:
            search = searches.overlap if priorities == "equal" else searches.contains
            search(earlier, later, ["pw_hostile", "pw_hostile"])
    # A second on an idle machine; without a limit, many minutes.
    assert time.process_time() - started < 20
    assert searches.spent["pw_hostile"] <= 1_000_000
    plain, other = parse_path("/ab+c"), parse_path("/a[bc]+")
    assert searches.overlap(plain, other, ["pw_news", "pw_weather"]) is True
    assert searches.overlap(plain, patterns[0], ["pw_hostile", "pw_news"]) is not True
