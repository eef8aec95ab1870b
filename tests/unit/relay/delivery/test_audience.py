"""The live feed's distribution: everybody gets exactly what replay would have given them."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from khala_pg.relay.delivery.audience import Audience

HEAD, TAIL = '{"updates":[', "]}"


@dataclass(frozen=True)
class Row:
    watermark: int
    org_id: str | None = None
    except_org_id: str | None = None


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


ORGS = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(
        st.tuples(st.none() | ORGS, st.none() | ORGS, st.integers(1, 3)), min_size=1, max_size=12
    ),
    st.lists(st.tuples(ORGS, st.integers(0, 12)), max_size=8),
)
def test_live_feed_gives_everybody_what_a_filter_over_the_journal_gives(
    journal: list[tuple[str | None, str | None, int]], readers: list[tuple[str, int]]
) -> None:
    rows = [
        Row(number, org_id, except_org_id if org_id is None else None)
        for number, (org_id, except_org_id, _) in enumerate(journal, start=1)
    ]
    audience: Audience[str] = Audience(0)
    got: dict[str, list[int]] = {}
    for number, (org_id, position) in enumerate(readers):
        assert audience.add(f"{number}", org_id, min(position, len(rows)))
        got[f"{number}"] = []
    start = 0
    while start < len(rows):
        size = journal[start][2]
        page = rows[start : start + size]
        for reader, payload in deliver(audience, page).items():
            got[reader] += [int(text) for text in payload[len('{"updates":[') : -2].split(",")]
        start = min(start + size, len(rows))
        audience.advance(start)
    for number, (org_id, position) in enumerate(readers):
        assert got[f"{number}"] == [
            row.watermark
            for row in rows
            if row.watermark > position
            and (row.org_id == org_id or (row.org_id is None and row.except_org_id != org_id))
        ]
