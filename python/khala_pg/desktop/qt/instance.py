"""One instance for each account: a second start raises the window of the first, and ends."""

import hashlib
import os
import tempfile
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from khala_pg.errors import KhalaError

_PATIENCE_MS = 5_000
# What a socket's address holds, with the zero at its end: 108 on Linux, 104 elsewhere.
_LONGEST_ADDRESS = 103


class InstanceError(KhalaError):
    """Another instance holds the account, and does not respond."""


class Instance(QObject):
    """The first instance, while it is there. Others make `raised` come."""

    raised = Signal()

    def __init__(self, directory: Path, account: str) -> None:
        super().__init__()
        self._socket_path = _socket_path(directory, account)
        # The system frees it when the process ends, however that comes about.
        self._lock = QLockFile(str(directory / f"{account}.lock"))
        self._lock.setStaleLockTime(0)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)

    def take(self) -> bool:
        """True: this is the first. False: the first has been asked to show its window.

        Raises InstanceError when the first does not respond.
        """
        if not self._lock.tryLock(0):
            self._ask()
            return False
        # Left behind by one that was killed.
        QLocalServer.removeServer(self._socket_path)
        if not self._server.listen(self._socket_path):
            raise InstanceError(
                f"{self._socket_path}: {self._server.errorString()}",
                "Set XDG_RUNTIME_DIR to a directory with a short name that can be written to.",
            )
        return True

    def release(self) -> None:
        """Lets the next start be the first."""
        self._server.close()
        self._lock.unlock()

    def _ask(self) -> None:
        socket = QLocalSocket()
        socket.connectToServer(self._socket_path)
        # Its answer says that the window is up: a connection alone is the system's.
        if not (socket.waitForConnected(_PATIENCE_MS) and socket.waitForReadyRead(_PATIENCE_MS)):
            raise InstanceError(
                f"khala desktop already runs, and does not respond: {socket.errorString()}",
                f"End the process that {self._lock.fileName()} names, and start it again.",
            )

    def _answer(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            self.raised.emit()
            socket.write(b"1")
            socket.flush()
            socket.disconnectFromServer()
            socket.disconnected.connect(socket.deleteLater)


def _socket_path(directory: Path, account: str) -> str:
    """A path that is short enough for a socket, which that of the directory may not be."""
    name = hashlib.sha256(f"{directory}/{account}".encode()).hexdigest()[:16]
    places = filter(None, (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()))
    paths = [str(Path(place) / f"khala-{name}.socket") for place in places]
    fitting = [path for path in paths if len(os.fsencode(path)) <= _LONGEST_ADDRESS]
    return (fitting or paths)[0]
