"""`khala desktop` with a line of requests: see desktop_surface."""

import json
import sys
import time
from typing import Any

from PySide6.QtCore import QSocketNotifier, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel, QTabWidget

from khala_pg.cli.main import main
from khala_pg.desktop import credentials, model
from khala_pg.desktop.qt import run
from khala_pg.desktop.qt.application import Application
from khala_pg.desktop.qt.view import View

# Rows that the window has room for.
_NEWEST = 10


class Watched(Application):
    """The application, which also answers."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.notices: list[list[str]] = []
        self.urls: list[str] = []
        self.longest_ms = 0.0
        self.raised = 0
        show = self.notifier.show

        def shown(notice: model.Notice) -> None:
            self.notices.append([notice.title, notice.text])
            show(notice)

        self.notifier.show = shown  # type: ignore[method-assign]
        QDesktopServices.setUrlHandler("http", self, "opened")  # type: ignore[arg-type]
        raise_up = self.window.raise_up

        def raised() -> None:
            self.raised += 1
            raise_up()

        self.window.raise_up = raised  # type: ignore[method-assign]
        self._input = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
        self._input.activated.connect(self._read)

    @Slot(QUrl)
    def opened(self, url: QUrl) -> None:
        self.urls.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))

    def _read(self) -> None:
        line = sys.stdin.readline()
        if not line:
            self._input.setEnabled(False)
            return
        asked = json.loads(line)
        answer = getattr(self, f"on_{asked.pop('what')}")(**asked)
        print(json.dumps(answer), flush=True)

    def _runs(self) -> View:
        table = self.window.tables[model.RUNS]
        [view] = [v for v in self.window.findChildren(View) if v.model() is table]
        return view

    def _newest_runs(self) -> list[str]:
        rows = self.window.tables[model.RUNS].rows
        return [rows[position].name for position in range(min(len(rows), _NEWEST))]

    def on_state(self) -> dict[str, Any]:
        window = self.window
        labels = [each.text() for each in window.findChildren(QLabel) if each.isVisible()]
        return {
            "connection": window._connection.text().removeprefix("● "),
            "detail": window._detail.text(),
            "lag": window._lag.text(),
            "runs": window._counts[model.RUNS].text(),
            "workers": window._counts[model.WORKERS].text(),
            "lightning": window._lightning.text() if window._lightning.isVisible() else None,
            "rows": len(window.tables[model.RUNS].rows),
            "names": self._newest_runs(),
            "labels": labels,
            "hint": self._runs().hint,
            "notices": self.notices,
            "urls": self.urls,
            "visible": window.isVisible(),
            "raised": self.raised,
            "place": [window.x(), window.y(), window.width(), window.height()],
            "tip": self.tray.toolTip(),
        }

    def on_grab(self, path: str, tab: int = 0) -> bool:
        self.window.findChildren(QTabWidget)[0].setCurrentIndex(tab)
        QApplication.processEvents()
        return self.window.grab().save(path)

    def on_move(self, x: int, y: int, width: int, height: int) -> bool:
        self.window.setGeometry(x, y, width, height)
        return True

    def on_scroll(self, steps: int) -> dict[str, Any]:
        """Scrolls from the top to the end; processor time of each picture, in milliseconds."""
        view = self._runs()
        bar = view.verticalScrollBar()
        times = []
        for step in range(steps):
            began = time.process_time()
            bar.setValue(bar.maximum() * step // (steps - 1))
            view.viewport().repaint()
            times.append((time.process_time() - began) * 1000)
        times.sort()
        return {
            "median": times[len(times) // 2],
            "worst": times[-1],
            "last": view.model().index(view.model().rowCount() - 1, 0).data(),
        }

    def on_activate(self, position: int) -> bool:
        view = self._runs()
        view.activated.emit(view.model().index(position, 0))
        return True

    def on_menu(self, name: str) -> bool:
        for action in self._menu.actions():
            if action.text().replace("&", "") == name:
                action.trigger()
                return True
        return False

    def on_close(self) -> bool:
        self.window.close()
        return True


# No test waits for a minute.
setattr(credentials, "REFUSED_S", 2.0)  # noqa: B010 - nor a constant set
setattr(run, "Application", Watched)  # noqa: B010 - mypy would not have a class replaced
sys.argv = ["khala", "desktop"]
main()
