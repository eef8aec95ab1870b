"""The live feed's distribution: everybody gets exactly what replay would have given them."""

from dataclasses import dataclass
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from khala_pg.relay.delivery.audience import Audience
from khala_pg.relay.delivery.subset import Subset

HEAD, TAIL = '{"updates":[', "]}"


@dataclass(frozen=True)
class Row:
    watermark: int
    org_id: str | None = None
    except_org_id: str | None = None
    marks: tuple[str, ...] = ()


def subset(*marks: str) -> Subset:
    """A subset of those marks; where the length is of no matter, it is 1."""
    return Subset(" ".join(marks), frozenset([1]), frozenset(marks))


def deliver(audience: Audience[str], rows: list[Row]) -> dict[str, str]:
    """What each reader gets of a page; nobody gets two payloads."""
    given_to: dict[str, str] = {}
    for seen, readers in audience.views(rows):
        for reader in readers:
            assert reader not in given_to
            given_to[reader] = HEAD + ",".join(str(row.watermark) for row in seen) + TAIL
    return given_to


def test_each_organisation_gets_its_own_and_the_public_ones_in_order() -> None:
    audience: Audience[str] = Audience(0)
    for reader, org_id in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")):
        assert audience.add(reader, org_id, 0)
    rows = [Row(1, "a"), Row(2), Row(3, "b"), Row(4, "nobody here"), Row(5)]
    assert deliver(audience, rows) == {
        "a1": '{"updates":[1,2,5]}',
        "a2": '{"updates":[1,2,5]}',
        "b1": '{"updates":[2,3,5]}',
        "c1": '{"updates":[2,5]}',
    }


def test_an_organisation_with_nothing_in_the_page_gets_nothing() -> None:
    audience: Audience[str] = Audience(0)
    audience.add("a1", "a", 0)
    audience.add("b1", "b", 0)
    assert deliver(audience, [Row(1, "a")]) == {"a1": '{"updates":[1]}'}


def test_one_payload_serves_all_readers_of_all_organisations_without_rows_of_their_own() -> None:
    audience: Audience[str] = Audience(0)
    for number in range(100):
        audience.add(f"r{number}", f"o{number % 10}", 0)
    [(_, readers)] = list(audience.views([Row(1)]))
    assert len(readers) == 100


def test_a_public_row_may_leave_one_organisation_out() -> None:
    audience: Audience[str] = Audience(0)
    audience.add("a1", "a", 0)
    audience.add("b1", "b", 0)
    assert deliver(audience, [Row(1, None, "a"), Row(1, "a")]) == {
        "a1": '{"updates":[1]}',
        "b1": '{"updates":[1]}',
    }
    assert deliver(audience, [Row(1, None, "a")]) == {"b1": '{"updates":[1]}'}


def test_a_reader_ahead_gets_only_what_is_above_and_joins_when_passed() -> None:
    audience: Audience[str] = Audience(10)
    assert not audience.add("behind", "a", 9)
    assert audience.add("level", "a", 10)
    assert audience.add("ahead", "a", 12)
    assert (audience.position_of("level"), audience.position_of("ahead")) == (10, 12)
    assert deliver(audience, [Row(11), Row(12)]) == {"level": '{"updates":[11,12]}'}
    audience.advance(11)
    assert (audience.position_of("level"), audience.position_of("ahead")) == (11, 12)
    assert deliver(audience, [Row(12), Row(13)]) == {
        "level": '{"updates":[12,13]}',
        "ahead": '{"updates":[13]}',
    }
    audience.advance(13)
    assert audience.position_of("ahead") == 13
    assert deliver(audience, [Row(14)]) == {
        "level": '{"updates":[14]}',
        "ahead": '{"updates":[14]}',
    }


def test_readers_come_and_go() -> None:
    audience: Audience[str] = Audience(0)
    audience.add("a1", "a", 0)
    audience.add("a2", "a", 5)
    assert sorted(audience) == ["a1", "a2"]
    audience.discard("a1", "a")
    audience.discard("a2", "a")
    audience.discard("a2", "a")
    assert len(audience) == 0
    assert deliver(audience, [Row(1)]) == {}


def test_readers_of_a_subset_get_what_has_a_mark_of_it() -> None:
    audience: Audience[str] = Audience(0)
    audience.add("all", "a", 0)
    audience.add("x", "a", 0, subset("x", "y"))
    audience.add("x too", "a", 0, subset("x", "y"))
    audience.add("of b", "b", 0, subset("x"))
    audience.add("ahead", "a", 2, subset("x"))
    rows = [
        Row(1, "a", None, ("x",)),
        Row(2, None, None, ("z",)),
        Row(3, None, "b", ("y", "x")),
        Row(3, "b", None, ("y", "x")),
        Row(4, "a"),
    ]
    assert deliver(audience, rows) == {
        "all": '{"updates":[1,2,3,4]}',
        "x": '{"updates":[1,3]}',
        "x too": '{"updates":[1,3]}',
        "of b": '{"updates":[3]}',
        "ahead": '{"updates":[3]}',
    }


def test_one_payload_serves_the_readers_of_all_subsets_with_the_same_updates() -> None:
    audience: Audience[str] = Audience(0)
    for number in range(100):
        audience.add(f"r{number}", f"o{number % 7}", 0, subset("x", f"y{number}"))
    [(_, readers)] = list(audience.views([Row(1, None, None, ("x",)), Row(2)]))
    assert len(readers) == 100


def test_a_mark_is_found_for_whoever_is_left() -> None:
    """Of a mark, one view is kept otherwise than several."""
    audience: Audience[str] = Audience(0)
    views = {
        "a": ("a", subset("x")),
        "a too": ("a", subset("x", "y")),
        "b": ("b", subset("x")),
    }
    rows = [Row(1, None, "b", ("x",)), Row(2, "b", None, ("x",))]
    expected = {"a": '{"updates":[1]}', "a too": '{"updates":[1]}', "b": '{"updates":[2]}'}
    for leaving in permutations(views):
        here = set(views)
        for reader, (org_id, narrowed) in views.items():
            audience.add(reader, org_id, 0, narrowed)
        assert deliver(audience, rows) == expected
        for reader in leaving:
            org_id, narrowed = views[reader]
            audience.discard(reader, org_id, narrowed)
            here.remove(reader)
            assert deliver(audience, rows) == {each: expected[each] for each in here}


def test_lengths_are_those_of_the_readers_there_are() -> None:
    audience: Audience[str] = Audience(5)
    short, long = (
        Subset("s", frozenset([1]), frozenset("x")),
        Subset("l", frozenset([1, 9]), frozenset("y")),
    )
    assert not audience.add("behind", "a", 4, long)
    assert audience.lengths == frozenset()
    audience.add("level", "a", 5, short)
    audience.add("ahead", "a", 6, long)
    assert audience.lengths == {1, 9}
    audience.discard("nobody", "a", long)
    assert audience.lengths == {1, 9}
    audience.advance(6)
    audience.discard("ahead", "a", long)
    audience.discard("ahead", "a", long)
    assert len(audience) == 1
    # A page that was asked for with all of them is not in vain when its reader comes back.
    assert audience.lengths == {1, 9}
    audience.advance(7)
    assert audience.lengths == {1}
    audience.discard("level", "a", short)
    audience.advance(8)
    assert not audience.lengths
    assert list(audience) == []


ORGS = st.sampled_from(["a", "b", "c"])
MARKS = st.sets(st.sampled_from("xyz"))


@given(
    st.lists(
        st.tuples(st.none() | ORGS, st.none() | ORGS, st.integers(1, 3), MARKS),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.tuples(ORGS, st.integers(0, 12), st.none() | MARKS), max_size=8),
)
def test_live_feed_gives_everybody_what_a_filter_over_the_journal_gives(
    journal: list[tuple[str | None, str | None, int, set[str]]],
    readers: list[tuple[str, int, set[str] | None]],
) -> None:
    rows = [
        Row(number, org_id, except_org_id if org_id is None else None, tuple(marks))
        for number, (org_id, except_org_id, _, marks) in enumerate(journal, start=1)
    ]
    audience: Audience[str] = Audience(0)
    got: dict[str, list[int]] = {}
    for number, (org_id, position, marks) in enumerate(readers):
        narrowed = None if marks is None else subset(*sorted(marks))
        assert audience.add(f"{number}", org_id, min(position, len(rows)), narrowed)
        got[f"{number}"] = []
    start = 0
    while start < len(rows):
        size = journal[start][2]
        page = rows[start : start + size]
        for reader, payload in deliver(audience, page).items():
            got[reader] += [int(text) for text in payload[len('{"updates":[') : -2].split(",")]
        start = min(start + size, len(rows))
        audience.advance(start)
    for number, (org_id, position, marks) in enumerate(readers):
        assert got[f"{number}"] == [
            row.watermark
            for row in rows
            if row.watermark > position
            and (row.org_id == org_id or (row.org_id is None and row.except_org_id != org_id))
            and (marks is None or marks.intersection(row.marks))
        ]
