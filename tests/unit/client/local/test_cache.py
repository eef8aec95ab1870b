"""The cache: whatever order updates come in, and however often, the same documents stand."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from khala_pg.client.documents import ChangeKind, Document
from khala_pg.client.local.cache import DocumentCache

TOPIC = "runtime.run_summaries"


def document(
    doc_key: str, doc_version: int, watermark: int, content: int | None, topic: str = TOPIC
) -> Document:
    """A version of a document; content None makes a tombstone."""
    payload = None if content is None else {"content": content}
    digest = hashlib.sha256(str(content).encode()).digest()
    return Document(topic, doc_key, doc_version, watermark, digest, content is None, payload)


@st.composite
def histories(draw: st.DrawFn) -> list[Document]:
    """What a writer can produce: watermarks 1, 2, 3 …, versions that never go down per document."""
    versions: dict[str, int] = {}
    history = []
    for watermark in range(1, draw(st.integers(1, 25)) + 1):
        key = draw(st.sampled_from("abc"))
        version = versions.get(key, 0) + draw(st.integers(0, 2))
        versions[key] = version
        content = draw(st.none() | st.integers(0, 3))
        history.append(document(key, version, watermark, content))
    return history


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Document], list[Document]]:
    """A history, and a delivery of it with repetitions in any order."""
    history = draw(histories())
    repeated = draw(st.lists(st.sampled_from(history), max_size=20))
    return history, draw(st.permutations([*history, *repeated]))


@given(deliveries())
def test_any_interleaving_ends_in_the_same_documents(
    delivery: tuple[list[Document], list[Document]],
) -> None:
    history, shuffled = delivery
    in_order, out_of_order = DocumentCache(history), DocumentCache(shuffled)
    assert out_of_order.documents(TOPIC) == in_order.documents(TOPIC)
    for key in "abc":
        last = next((d for d in reversed(history) if d.doc_key == key), None)
        assert out_of_order.get(TOPIC, key) == last


@given(deliveries())
def test_changes_tell_the_whole_story(delivery: tuple[list[Document], list[Document]]) -> None:
    _, shuffled = delivery
    cache = DocumentCache()
    told: dict[str, Document] = {}
    for arriving in shuffled:
        change = cache.apply(arriving)
        if change is None:
            continue
        assert change.document == arriving
        if change.kind is ChangeKind.PUT:
            told[change.doc_key] = arriving
        else:
            told.pop(change.doc_key, None)
    kept = cache.documents(TOPIC)
    assert told.keys() == kept.keys()
    assert all(told[key].same_content(kept[key]) for key in kept)


@given(histories(), histories())
def test_replacing_leaves_only_the_snapshot(history: list[Document], later: list[Document]) -> None:
    cache, snapshot = DocumentCache(history), DocumentCache(later).documents(TOPIC)
    before = dict(cache.documents(TOPIC))
    for change in cache.replace(TOPIC, snapshot.values()):
        if change.kind is ChangeKind.PUT:
            assert change.document is not None
            before[change.doc_key] = change.document
        else:
            del before[change.doc_key]
    assert cache.documents(TOPIC) == snapshot
    assert before.keys() == snapshot.keys()
    assert all(before[key].same_content(snapshot[key]) for key in snapshot)


def test_a_lower_version_never_replaces() -> None:
    cache = DocumentCache([document("a", 5, 50, 1)])
    assert cache.apply(document("a", 4, 60, 2)) is None
    assert cache.documents(TOPIC)["a"].doc_version == 5


def test_a_rewritten_version_replaces_by_its_watermark() -> None:
    cache = DocumentCache([document("a", 5, 50, 1)])
    assert cache.apply(document("a", 5, 49, 2)) is None
    change = cache.apply(document("a", 5, 51, 3))
    assert change is not None
    assert cache.documents(TOPIC)["a"].payload == {"content": 3}


def test_a_tombstone_hides_and_stays() -> None:
    cache = DocumentCache([document("a", 1, 1, 1)])
    change = cache.apply(document("a", 2, 2, None))
    assert change is not None
    assert change.kind is ChangeKind.REMOVE
    assert cache.documents(TOPIC) == {}
    assert cache.apply(document("a", 1, 1, 1)) is None
    assert cache.apply(document("a", 3, 3, 7)) is not None


def test_topics_are_apart() -> None:
    cache = DocumentCache([document("a", 1, 1, 1)])
    cache.apply(document("a", 9, 9, 9, topic="other"))
    cache.replace("other", [])
    assert set(cache.documents(TOPIC)) == {"a"}
