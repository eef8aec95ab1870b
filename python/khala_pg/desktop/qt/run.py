"""Start and end of the desktop surface."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QApplication

from khala_pg.desktop.qt.application import Application
from khala_pg.desktop.qt.icons import icon
from khala_pg.desktop.qt.instance import Instance
from khala_pg.desktop.qt.signals import Signals
from khala_pg.desktop.settings import Place


def run(
    arguments: Sequence[str],
    place: Callable[[], Place],
    directory: Path,
    *,
    hidden: bool,
) -> int:
    """Shows the surface until it is left; the exit status. A second start returns at once.

    Raises InstanceError, and OSError when the directory cannot be made.
    """
    os.umask(0o077)
    directory.mkdir(parents=True, exist_ok=True)
    account = place().account
    qt = QApplication(list(arguments))
    qt.setApplicationName("khala")
    qt.setApplicationDisplayName("Khala")
    qt.setDesktopFileName("khala-desktop")
    qt.setWindowIcon(icon("plain"))
    instance = Instance(directory, account)
    if not instance.take():
        return 0
    application = Application(qt, place, directory / f"{account}.khala")
    instance.raised.connect(application.window.raise_up)
    signals = Signals(qt.quit)
    try:
        application.start(hidden=hidden)
        status = qt.exec()
        application.stop()
    finally:
        signals.release()
        instance.release()
    return status
