"""Languages of path patterns: whether two share a path, and whether one contains the other.

Each pattern is a non-deterministic automaton. Two share a path if their product reaches an end. One
contains the other if the product of the other with its own subsets never leaves it. Both searches
have a limit, beyond which nothing is claimed. The parser reads the common part of regular
expressions; of the rest nothing is claimed either.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from greenery import parse
from greenery.charclass import Charclass
from greenery.parse import NoMatch
from greenery.rxelems import Conc, Mult, Pattern

from khala_pg.lightning.compiler.patterns import PathKind, PathPattern

_MOST_STATES = 5_000
_MOST_STEPS = 3_000
_HIGHEST = 0x110000


@dataclass(frozen=True)
class Step:
    """Transition to `target` on the characters of half-open ranges of code points."""

    ranges: tuple[tuple[int, int], ...]
    target: int


@dataclass
class Automaton:
    """States are numbers; 0 is the start. `empty` transitions read nothing."""

    steps: list[list[Step]] = field(default_factory=lambda: [[]])
    empty: list[list[int]] = field(default_factory=lambda: [[]])
    end: int = 0

    def add_state(self) -> int:
        if len(self.steps) >= _MOST_STATES:
            raise _TooLargeError
        self.steps.append([])
        self.empty.append([])
        return len(self.steps) - 1

    def closure(self, states: frozenset[int]) -> frozenset[int]:
        """The states that are reached without reading."""
        seen, waiting = set(states), list(states)
        while waiting:
            for target in self.empty[waiting.pop()]:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return frozenset(seen)

    def after(self, states: frozenset[int], character: int) -> frozenset[int]:
        return self.closure(
            frozenset(
                step.target
                for state in states
                for step in self.steps[state]
                if any(low <= character < high for low, high in step.ranges)
            )
        )


class _TooLargeError(Exception):
    """An automaton or a search exceeds its limit."""


def overlap(one: PathPattern, other: PathPattern) -> bool | None:
    """Whether a path matches both patterns; None where that is not known."""
    if one == other:
        return True
    first, second = _automaton(one), _automaton(other)
    if first is None or second is None:
        return None
    starts = [(a, b) for a in first.closure(_START) for b in second.closure(_START)]
    seen, waiting = set(starts), deque(starts)
    while waiting:
        a, b = waiting.popleft()
        if a == first.end and b == second.end:
            return True
        for target in _common_steps(first, a, second, b):
            if target not in seen:
                if len(seen) >= _MOST_STEPS:
                    return None
                seen.add(target)
                waiting.append(target)
    return False


def contains(general: PathPattern, special: PathPattern) -> bool | None:
    """Whether every path of `special` matches `general`; None where that is not known."""
    if general.kind is PathKind.ANY or general == special:
        return True
    if special.kind is PathKind.ANY:
        return False if general.kind is not PathKind.REGEX else _contains(general, special)
    if PathKind.REGEX not in {general.kind, special.kind}:
        return general.kind is PathKind.PREFIX and special.value.startswith(general.value)
    return _contains(general, special)


_START = frozenset({0})


def _contains(general: PathPattern, special: PathPattern) -> bool | None:
    outer, inner = _automaton(general), _automaton(special)
    if outer is None or inner is None:
        return None
    characters = _representatives(outer, inner)
    start = (inner.closure(_START), outer.closure(_START))
    seen, waiting = {start}, deque([start])
    while waiting:
        inside, outside = waiting.popleft()
        if inner.end in inside and outer.end not in outside:
            return False
        for character in characters:
            target = (inner.after(inside, character), outer.after(outside, character))
            if target[0] and target not in seen:
                if len(seen) >= _MOST_STEPS:
                    return None
                seen.add(target)
                waiting.append(target)
    return True


def _common_steps(first: Automaton, a: int, second: Automaton, b: int) -> Iterator[tuple[int, int]]:
    for one in first.steps[a]:
        for other in second.steps[b]:
            if _share(one.ranges, other.ranges):
                ends = second.closure(frozenset({other.target}))
                for target in first.closure(frozenset({one.target})):
                    for end in ends:
                        yield target, end


def _share(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> bool:
    return any(low < top and bottom < high for low, high in one for bottom, top in other)


def _representatives(*automata: Automaton) -> list[int]:
    """One character of each class of characters that no automaton tells apart."""
    bounds = {0}
    for automaton in automata:
        for steps in automaton.steps:
            for step in steps:
                for low, high in step.ranges:
                    bounds |= {low, high}
    return sorted(bound for bound in bounds if bound < _HIGHEST)


@lru_cache(maxsize=4_096)
def _automaton(path: PathPattern) -> Automaton | None:
    """The pattern's automaton; None if the parser cannot read it or it is too large."""
    automaton = Automaton()
    try:
        if path.kind is PathKind.REGEX:
            # The parser knows no escaped slash, and a slash means the same without.
            automaton.end = _add_pattern(automaton, 0, parse(path.value.replace(r"\/", "/")))
        else:
            state = 0
            for character in path.value:
                state = _add_step(automaton, state, Charclass(character))
            if path.kind is not PathKind.EXACT:
                automaton.steps[state].append(Step(_ranges(~Charclass()), state))
            automaton.end = state
    except (_TooLargeError, NoMatch, RecursionError):
        return None
    return automaton


def _add_pattern(automaton: Automaton, start: int, pattern: Pattern) -> int:
    end = automaton.add_state()
    for sequence in sorted(pattern.concs, key=str):
        automaton.empty[_add_sequence(automaton, start, sequence)].append(end)
    return end


def _add_sequence(automaton: Automaton, start: int, sequence: Conc) -> int:
    for part in sequence.mults:
        start = _add_repeated(automaton, start, part)
    return start


def _add_repeated(automaton: Automaton, start: int, part: Mult) -> int:
    least, most = part.multiplier.min.v or 0, part.multiplier.max.v
    for _ in range(least):
        start = _add_once(automaton, start, part)
    if most is None:
        # A state of its own, so that the loop cannot be entered from what came before.
        loop = automaton.add_state()
        automaton.empty[start].append(loop)
        automaton.empty[_add_once(automaton, loop, part)].append(loop)
        return loop
    end = automaton.add_state()
    automaton.empty[start].append(end)
    for _ in range(most - least):
        start = _add_once(automaton, start, part)
        automaton.empty[start].append(end)
    return end


def _add_once(automaton: Automaton, start: int, part: Mult) -> int:
    if isinstance(part.multiplicand, Charclass):
        return _add_step(automaton, start, part.multiplicand)
    return _add_pattern(automaton, start, part.multiplicand)


def _add_step(automaton: Automaton, start: int, characters: Charclass) -> int:
    end = automaton.add_state()
    automaton.steps[start].append(Step(_ranges(characters), end))
    return end


def _ranges(characters: Charclass) -> tuple[tuple[int, int], ...]:
    listed = [(low, high + 1) for low, high in characters.ord_ranges]
    if not characters.negated:
        return tuple(listed)
    bounds = [0, *(bound for pair in listed for bound in pair), _HIGHEST]
    return tuple(
        (low, high) for low, high in zip(bounds[::2], bounds[1::2], strict=True) if low < high
    )
