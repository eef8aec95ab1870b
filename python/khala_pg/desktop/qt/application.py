"""The application: window, tray icon, follower, and what happens between them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

from PySide6.QtCore import QObject, QSettings, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from khala_pg.client import Document
from khala_pg.desktop import autostart, model
from khala_pg.desktop.batches import Batch
from khala_pg.desktop.follower import Follower
from khala_pg.desktop.qt.icons import icon
from khala_pg.desktop.qt.notifier import Notifier
from khala_pg.desktop.qt.window import Window
from khala_pg.desktop.settings import Place


class Application(QObject):
    """Everything that the surface consists of, from `start` to `stop`."""

    came = Signal(object)
    """A batch, in the follower's thread."""

    def __init__(self, qt: QApplication, place: Callable[[], Place], store: Path) -> None:
        super().__init__()
        self._qt = qt
        self._place = place
        account = store.stem
        settings = QSettings(
            str(store.with_name(f"{account}.ini")), QSettings.Format.IniFormat, self
        )
        self.window = Window(settings)
        self.tray = QSystemTrayIcon(icon("plain"), self)
        self.notifier = Notifier(self.tray)
        self._menu = QMenu()
        self._security: dict[str, Document] = {}
        self._last_notice: model.Notice | None = None
        self._follower = Follower(place, store, self.came.emit)
        self.came.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._connect()

    def _connect(self) -> None:
        show = QAction("&Show window", self)
        show.triggered.connect(self.window.raise_up)
        browse = QAction("&Open in browser", self)
        browse.setShortcut("Ctrl+O")
        browse.triggered.connect(lambda: self.browse())
        login = QAction("Start at &login", self)
        login.setCheckable(True)
        login.setChecked(autostart.is_on(os.environ))
        login.toggled.connect(lambda on: self._start_at_login(login, on))
        leave = QAction("&Quit", self)
        leave.setShortcut("Ctrl+Q")
        leave.setMenuRole(QAction.MenuRole.QuitRole)
        leave.triggered.connect(self._qt.quit)
        self.window.add_menu([browse, login, leave])
        self._menu.addActions([show, browse, login, leave])
        self.window.opened.connect(self.browse)
        self.window.closed.connect(self._closed)
        self.tray.setContextMenu(self._menu)
        self.tray.setToolTip("Khala")
        self.tray.activated.connect(self._tray_clicked)
        self.tray.messageClicked.connect(self._open_notice)

    def start(self, *, hidden: bool) -> None:
        """Shows the tray icon and the window, and follows. hidden: without the window, if there is
        a tray to call it from."""
        self._qt.setQuitOnLastWindowClosed(False)
        self.tray.show()
        if not (hidden and QSystemTrayIcon.isSystemTrayAvailable()):
            self.window.show()
        self._follower.start()

    def stop(self) -> None:
        """Remembers the window's place, disconnects, and closes the store."""
        self.window.remember()
        self.tray.hide()
        self._follower.stop()

    def _take(self, batch: Batch) -> None:
        if batch.loaded is not None:
            self._load(batch)
        for topic, table in self.window.tables.items():
            changes = [seen for seen in batch.changes if seen.change.topic == topic]
            if changes:
                table.take(changes)
        for change in (seen.change for seen in batch.changes):
            if change.topic == model.SECURITY:
                self._security.pop(change.doc_key, None)
                if change.document is not None and not change.document.deleted:
                    self._security[change.doc_key] = change.document
        connection = model.connection(batch.status, batch.lane, batch.failure)
        self.window.show_connection(connection)
        counts = {
            topic: model.counts(table.rows, batch.status, topic)
            for topic, table in self.window.tables.items()
        }
        self.window.show_counts(counts)
        self._show_lightning(batch)
        self._show_tray(connection, counts)
        news = [model.notice(seen.change) for seen in batch.changes if seen.is_news]
        for notice in model.digest([each for each in news if each is not None]):
            self._notify(notice)
        self._follower.taken()

    def _load(self, batch: Batch) -> None:
        loaded = batch.loaded or ()
        for topic, table in self.window.tables.items():
            table.load([each for each in loaded if each.topic == topic])
        self._security = {each.doc_key: each for each in loaded if each.topic == model.SECURITY}

    def _show_lightning(self, batch: Batch) -> None:
        if model.is_known(batch.status, model.SECURITY):
            self.window.show_lightning(*model.pause(self._security.values()))
        else:
            self.window.hide_lightning()

    def _show_tray(self, connection: model.Connection, counts: Mapping[str, str]) -> None:
        runs, workers = counts[model.RUNS], counts[model.WORKERS]
        tip = f"Khala: {connection.words}\nRuns: {runs}\nWorkers: {workers}"
        if tip != self.tray.toolTip():
            self.tray.setToolTip(tip)
            self.tray.setIcon(icon(connection.tone))

    def _notify(self, notice: model.Notice) -> None:
        self._last_notice = notice
        self.window.show_notice(notice)
        self.notifier.show(notice)

    def _open_notice(self) -> None:
        notice = self._last_notice
        if notice is None or notice.doc_key is None:
            self.window.raise_up()
        else:
            self.browse(notice.topic, notice.doc_key)

    def browse(self, topic: str = model.RUNS, doc_key: str = "") -> None:
        """Opens the admin page in the browser, at a document if one is named."""
        where = f"#/{model.KINDS[topic]}"
        if doc_key:
            where += f"?{urlencode({'open': doc_key})}"
        QDesktopServices.openUrl(QUrl(f"{self._place().page.rstrip('/')}/{where}"))

    def _start_at_login(self, login: QAction, on: bool) -> None:
        try:
            autostart.switch(os.environ, on=on)
        except OSError as error:
            login.blockSignals(True)
            login.setChecked(not on)
            login.blockSignals(False)
            self._notify(model.Notice("Start at login cannot be set", str(error), model.RUNS, None))

    def _tray_clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.window.raise_up()

    def _closed(self) -> None:
        # Without a tray nobody could open it again.
        if not QSystemTrayIcon.isSystemTrayAvailable():
            self._qt.quit()
