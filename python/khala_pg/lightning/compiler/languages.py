"""Languages of path patterns: whether two share a path, and whether one contains the other.

Each pattern is a non-deterministic automaton. Two share a path if their product reaches an end. One
contains the other if the product of the other with its own subsets never leaves it.

Each search has a limit of work, and all searches for one paywall have another, beyond which nothing
is claimed: no owner keeps the compiler busy. Work is counted, not timed, so that the same paywalls
always give the same claims. The parser reads the common part of regular expressions; of the rest
nothing is claimed either.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from greenery import parse
from greenery.charclass import Charclass
from greenery.parse import NoMatch
from greenery.rxelems import Conc, Mult, Pattern

from khala_pg.lightning.compiler.patterns import PathKind, PathPattern

_MOST_STATES = 2_500
# States and transitions looked at: 10 of them take about a microsecond.
_MOST_WORK = 200_000
_MOST_WORK_OF_PAYWALL = 1_000_000
_MOST_STATES_KEPT = 200_000
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

    def closure(self, states: Iterable[int], work: "Work") -> frozenset[int]:
        """The states that are reached without reading."""
        seen = set(states)
        waiting = list(seen)
        while waiting:
            targets = self.empty[waiting.pop()]
            work.spend(1 + len(targets))
            for target in targets:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return frozenset(seen)

    def after(self, states: frozenset[int], character: int, work: "Work") -> frozenset[int]:
        reached = set()
        for state in states:
            work.spend(1)
            for step in self.steps[state]:
                work.spend(len(step.ranges))
                if any(low <= character < high for low, high in step.ranges):
                    reached.add(step.target)
        return self.closure(reached, work)


class _TooLargeError(Exception):
    """An automaton or a search exceeds its limit."""


@dataclass
class Work:
    """Work of one search that is left."""

    left: int = _MOST_WORK

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise _TooLargeError


@dataclass
class Searches:
    """Searches of one compilation. spent: work for the routes of each paywall."""

    spent: Counter[str] = field(default_factory=Counter)
    _kept: dict[PathPattern, Automaton | None] = field(default_factory=dict)
    _states_kept: int = 0

    def overlap(self, one: PathPattern, other: PathPattern, paywalls: Sequence[str]) -> bool | None:
        """Whether a path matches both patterns; None where that is not known."""
        return one == other or self._search(_overlap, one, other, paywalls)

    def contains(
        self, general: PathPattern, special: PathPattern, paywalls: Sequence[str]
    ) -> bool | None:
        """Whether every path of `special` matches `general`; None where that is not known."""
        known = _contains_plainly(general, special)
        return self._search(_contains, general, special, paywalls) if known is None else known

    def _search(
        self,
        search: Callable[[Automaton, Automaton, Work], bool],
        one: PathPattern,
        other: PathPattern,
        paywalls: Sequence[str],
    ) -> bool | None:
        """It counts for the paywall that has spent more: its owner cannot spend what is others'."""
        paywall = max(paywalls, key=self.spent.__getitem__)
        work = Work(min(_MOST_WORK, _MOST_WORK_OF_PAYWALL - self.spent[paywall]))
        before = work.left
        try:
            first, second = self._automaton(one, work), self._automaton(other, work)
            return None if first is None or second is None else search(first, second, work)
        except _TooLargeError:
            return None
        finally:
            self.spent[paywall] += before - max(work.left, 0)

    def _automaton(self, path: PathPattern, work: Work) -> Automaton | None:
        # Kept or not, it counts the same: what is claimed depends on nothing that came before.
        work.spend(len(path.value))
        found = self._kept[path] if path in self._kept else _automaton(path)
        states = _MOST_STATES if found is None else len(found.steps)
        if path not in self._kept and self._states_kept < _MOST_STATES_KEPT:
            self._kept[path] = found
            self._states_kept += 0 if found is None else states
        work.spend(states)
        return found


def _overlap(first: Automaton, second: Automaton, work: Work) -> bool:
    starts = [(a, b) for a in first.closure(_START, work) for b in second.closure(_START, work)]
    seen, waiting = set(starts), deque(starts)
    while waiting:
        a, b = waiting.popleft()
        if a == first.end and b == second.end:
            return True
        for target in _common_steps(first, a, second, b, work):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return False


def _contains_plainly(general: PathPattern, special: PathPattern) -> bool | None:
    """What is known without a search."""
    if general.kind is PathKind.ANY or general == special:
        return True
    if PathKind.REGEX in {general.kind, special.kind}:
        return None
    return general.kind is PathKind.PREFIX and special.value.startswith(general.value)


_START = frozenset({0})


def _contains(outer: Automaton, inner: Automaton, work: Work) -> bool:
    characters = _representatives(outer, inner)
    start = (inner.closure(_START, work), outer.closure(_START, work))
    seen, waiting = {start}, deque([start])
    while waiting:
        inside, outside = waiting.popleft()
        if inner.end in inside and outer.end not in outside:
            return False
        for character in characters:
            target = (inner.after(inside, character, work), outer.after(outside, character, work))
            if target[0] and target not in seen:
                seen.add(target)
                waiting.append(target)
    return True


def _common_steps(
    first: Automaton, a: int, second: Automaton, b: int, work: Work
) -> Iterator[tuple[int, int]]:
    for one in first.steps[a]:
        for other in second.steps[b]:
            work.spend(1 + len(one.ranges) * len(other.ranges))
            if _share(one.ranges, other.ranges):
                ends = second.closure({other.target}, work)
                for target in first.closure({one.target}, work):
                    work.spend(len(ends))
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
    except (_TooLargeError, NoMatch, RecursionError, ValueError):
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
