"""Documents by key, each at the highest version seen, whatever the order of arrival."""

from collections.abc import Iterable, Mapping

from khala_pg.client.documents import Change, ChangeKind, Document


class DocumentCache:
    """The documents of every topic, tombstones included.

    A tombstone stays: a late copy of an older version must not bring its document back. A snapshot
    drops the tombstones of its topic.
    """

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._topics: dict[str, dict[str, Document]] = {}
        for document in documents:
            self.apply(document)

    def apply(self, document: Document) -> Change | None:
        """Take a version in. None when it changes nothing: a duplicate, or older than what stands.

        The version that stands is the one with the highest (doc_version, watermark).
        """
        documents = self._topics.setdefault(document.topic, {})
        previous = documents.get(document.doc_key)
        if previous is not None and document.order <= previous.order:
            return None
        documents[document.doc_key] = document
        if previous is not None and document.same_content(previous):
            return None
        return _change(document, previous)

    def replace(self, topic: str, documents: Iterable[Document]) -> list[Change]:
        """Make these the only documents of a topic; versions may go down. Returns what changed."""
        before = self._topics.get(topic, {})
        after = {document.doc_key: document for document in documents}
        self._topics[topic] = after
        changes = []
        for doc_key, document in after.items():
            previous = before.get(doc_key)
            if previous is None or not document.same_content(previous):
                changes.append(_change(document, previous))
        for doc_key, previous in before.items():
            if doc_key not in after and not previous.deleted:
                changes.append(Change(ChangeKind.REMOVE, topic, doc_key, None, previous))
        return changes

    def get(self, topic: str, doc_key: str) -> Document | None:
        """The version of a document that stands, a tombstone too; None if there is none."""
        return self._topics.get(topic, {}).get(doc_key)

    def versions(self, topic: str) -> list[Document]:
        """Every version of a topic that stands, tombstones too."""
        return list(self._topics.get(topic, {}).values())

    def documents(self, topic: str) -> Mapping[str, Document]:
        """The documents of a topic by key, without tombstones: a copy that stays as it is."""
        documents = self._topics.get(topic, {})
        return {key: document for key, document in documents.items() if not document.deleted}


def _change(document: Document, previous: Document | None) -> Change:
    kind = ChangeKind.REMOVE if document.deleted else ChangeKind.PUT
    return Change(kind, document.topic, document.doc_key, document, previous)
