"""Notifications of the desktop."""

from PySide6.QtDBus import QDBusConnection, QDBusMessage
from PySide6.QtWidgets import QSystemTrayIcon

from khala_pg.desktop.model import Notice
from khala_pg.desktop.qt.icons import icon


class Notifier:
    """Notifies through the tray icon; through the desktop portal where there is no tray, as in
    GNOME. Where neither is there, the window's last notice is all."""

    def __init__(self, tray: QSystemTrayIcon) -> None:
        self._tray = tray

    def show(self, notice: Notice) -> None:
        """Shows a notification, and waits for nobody."""
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._tray.showMessage(notice.title, notice.text, icon("bad"))
            return
        call = QDBusMessage.createMethodCall(
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.Notification",
            "AddNotification",
        )
        # Another notification about the same document takes the place of the first.
        identity = notice.doc_key or "several"
        call.setArguments([identity, {"title": notice.title, "body": notice.text}])
        QDBusConnection.sessionBus().send(call)
