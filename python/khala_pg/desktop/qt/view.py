"""View of a table, with a hint while there is nothing in it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHeaderView, QTableView

from khala_pg.desktop.qt.table import Table

_ROW_HEIGHT = 24


class View(QTableView):
    """Shows rows of one line each, which the user selects and opens as a whole."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.hint = ""
        self.setModel(table)
        self.setAccessibleName(f"{table.columns[0]}s")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setAlternatingRowColors(True)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        # Fixed heights: otherwise Qt measures every row of ten thousand.
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(_ROW_HEIGHT)
        columns = self.horizontalHeader()
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        columns.setHighlightSections(False)
        for column, name in enumerate(table.columns):
            self.setColumnWidth(column, 190 if column == 0 else 130 if "Last" in name else 100)
        columns.setSectionResizeMode(
            table.columns.index("Activity"), QHeaderView.ResizeMode.Stretch
        )

    def show_hint(self, hint: str) -> None:
        """Shows a hint in place of rows; none if it is empty."""
        if hint != self.hint:
            self.hint = hint
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if self.hint:
            painter = QPainter(self.viewport())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect(), flags, self.hint)
            painter.end()
