"""Virtual table of a topic: Qt asks for the cells in view only."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QBrush, QColor

from khala_pg.client import ChangeKind, Document
from khala_pg.desktop import model
from khala_pg.desktop.batches import Seen
from khala_pg.desktop.qt.colours import colours

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
RUN_COLUMNS = ("Run", "Status", "Activity", "Last event")
WORKER_COLUMNS = ("Worker", "Status", "Heartbeat", "Activity", "Last event")


class Table(QAbstractTableModel):
    """Rows of one topic."""

    def __init__(self, topic: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._topic = topic
        self.rows = model.Rows()
        self.columns = RUN_COLUMNS if topic == model.RUNS else WORKER_COLUMNS

    def load(self, documents: Sequence[Document]) -> None:
        """These documents, and no others."""
        self.beginResetModel()
        self.rows.clear()
        self._add(documents)
        self.endResetModel()

    def take(self, changes: Sequence[Seen]) -> None:
        """The changes, in order."""
        new: dict[str, Document] = {}
        changed: set[str] = set()
        for change in (seen.change for seen in changes):
            if change.kind is ChangeKind.REMOVE or change.document is None:
                new.pop(change.doc_key, None)
                changed.discard(change.doc_key)
                self._remove(change.doc_key)
            elif self.rows.position(change.doc_key) is None:
                new[change.doc_key] = change.document
            else:
                self.rows.replace(model.row(change.document))
                changed.add(change.doc_key)
        if changed:
            places = [p for key in changed if (p := self.rows.position(key)) is not None]
            self.dataChanged.emit(
                self.index(min(places), 0), self.index(max(places), len(self.columns) - 1)
            )
        if new:
            self.beginInsertRows(_NOWHERE, 0, len(new) - 1)
            self._add(new.values())
            self.endInsertRows()

    def _add(self, documents: Iterable[Document]) -> None:
        ordered = sorted(documents, key=lambda each: each.watermark)
        self.rows.add([model.row(each) for each in ordered])

    def _remove(self, doc_key: str) -> None:
        position = self.rows.position(doc_key)
        if position is not None:
            self.beginRemoveRows(_NOWHERE, position, position)
            self.rows.remove(doc_key)
            self.endRemoveRows()

    def rowCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(self.columns)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return self.columns[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._text(index) or None
        if role == Qt.ItemDataRole.ForegroundRole:
            name = self.columns[index.column()]
            if name in ("Status", "Heartbeat"):
                colour = colours().get(model.tone(self._text(index)))
                return None if colour is None else QBrush(QColor(colour))
        return None

    def _text(self, index: _Index) -> str:
        row = self.rows[index.row()]
        match self.columns[index.column()]:
            case "Status":
                return row.status
            case "Heartbeat":
                return row.heartbeat
            case "Activity":
                return row.activity
            case "Last event":
                return model.local_time(row.at, datetime.now().astimezone())
        return row.name
