"""The status window."""

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from khala_pg.cli.text import number
from khala_pg.desktop import model
from khala_pg.desktop.qt.colours import colours
from khala_pg.desktop.qt.icons import icon
from khala_pg.desktop.qt.table import Table
from khala_pg.desktop.qt.view import View

_NAMES = {model.RUNS: "Runs", model.WORKERS: "Workers"}
_HINTS = {
    model.RUNS: "No runs yet. Record one:  khala run -- make",
    model.WORKERS: "No workers yet. Start one:  khala worker echo-1 -- cat",
}


class Window(QMainWindow):
    """Connection, counts, Lightning, the last notification, and a table for each kind."""

    opened = Signal(str, str)
    """A row is to be opened in the browser: topic and key."""
    closed = Signal()
    """The user has closed the window."""

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self.tables = {topic: Table(topic, self) for topic in model.KINDS}
        self._views = {topic: self._view(table) for topic, table in self.tables.items()}
        self._connection, self._detail, self._lag = _label(), _label(), _label()
        self._counts = {topic: _label() for topic in model.KINDS}
        self._lightning, self._notice = _label(), _label()
        self._facts = QFormLayout()
        self._tabs = QTabWidget()
        self._build()
        self._restore()

    def _build(self) -> None:
        self.setWindowTitle("Khala")
        self.setWindowIcon(icon("plain"))
        self._facts.setContentsMargins(12, 12, 12, 4)
        for name, label in (
            ("Connection", self._connection),
            ("", self._detail),
            ("Lag", self._lag),
            *((_NAMES[topic], label) for topic, label in self._counts.items()),
            ("Lightning", self._lightning),
            ("Last notice", self._notice),
        ):
            self._facts.addRow(name, label)
        for topic, view in self._views.items():
            self._tabs.addTab(view, _NAMES[topic])
        self._facts.setRowVisible(self._detail, False)
        self._facts.setRowVisible(self._lightning, False)
        self._facts.setRowVisible(self._notice, False)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._facts)
        layout.addWidget(self._tabs, 1)
        centre = QWidget()
        centre.setLayout(layout)
        self.setCentralWidget(centre)

    def _view(self, table: Table) -> View:
        view = View(table)
        view.activated.connect(lambda index: self._open(table, index))
        return view

    def _open(self, table: Table, index: QModelIndex) -> None:
        row = table.rows[index.row()]
        self.opened.emit(row.topic, row.doc_key)

    def add_menu(self, actions: list[QAction]) -> None:
        """The actions of the application."""
        menu = self.menuBar().addMenu("&Khala")
        menu.addActions(actions)

    def show_connection(self, connection: model.Connection) -> None:
        _colour(self._connection, connection.tone)
        _show(self._connection, f"● {connection.words}")
        _show(self._detail, connection.detail)
        self._facts.setRowVisible(self._detail, bool(connection.detail))
        lag = connection.lag
        words = "unknown" if lag is None else "none" if lag == 0 else f"{number(lag)} changes"
        _show(self._lag, words)

    def show_counts(self, counts: Mapping[str, str]) -> None:
        for topic, words in counts.items():
            _show(self._counts[topic], words)
            self._views[topic].show_hint(_HINTS[topic] if words == model.NONE else "")

    def show_lightning(self, words: str, tone: model.Tone) -> None:
        _colour(self._lightning, tone)
        _show(self._lightning, words)
        self._facts.setRowVisible(self._lightning, True)

    def hide_lightning(self) -> None:
        self._facts.setRowVisible(self._lightning, False)

    def show_notice(self, notice: model.Notice) -> None:
        _show(self._notice, f"{notice.title}. {notice.text}" if notice.text else notice.title)
        self._facts.setRowVisible(self._notice, True)

    def raise_up(self) -> None:
        """Shows the window above others."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def remember(self) -> None:
        """Keeps place, size and tab for the next start."""
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("tab", self._tabs.currentIndex())
        self._settings.sync()

    def _restore(self) -> None:
        self.resize(720, 520)
        geometry = self._settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        self._tabs.setCurrentIndex(int(str(self._settings.value("tab", 0))))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self.remember()
        event.accept()
        self.closed.emit()


def _show(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setToolTip(text)


def _colour(label: QLabel, tone: model.Tone) -> None:
    colour = colours().get(tone)
    style = f"font-weight: bold; color: {colour}" if colour else "font-weight: bold"
    # Setting it again would lay out the window again.
    if label.styleSheet() != style:
        label.setStyleSheet(style)


def _label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    # A long text is cut off, and does not widen the window; its tooltip has all of it.
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return label
