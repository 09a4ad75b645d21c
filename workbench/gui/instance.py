"""One window per data folder: a second start raises the first one."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from PySide6.QtCore import QDir, QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

log = logging.getLogger(__name__)

HEARD = b"heard\n"
ANSWER_MS = 2000


class Instance(QObject):
    """Holds the data folder's lock while it is the first; ``raised`` is emitted when another start knocks.

    The lock file lies in the data folder and names the process, so that one left by a crash is recovered.
    The socket's name is a hash of the folder's path: a path may be longer than a socket's name can be.
    """

    raised = Signal()

    def __init__(self, data_folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = QLockFile(str(data_folder / "window.lock"))
        self._lock.setStaleLockTime(0)  # a long-running window is not stale; a dead process is found anyway
        self._name = socket_name(data_folder)
        self._server: QLocalServer | None = None

    def acquire(self) -> bool:
        """Whether this is the first window here; afterwards it hears the others."""
        if not self._lock.tryLock(0):
            # Where locks cannot be made (a read-only folder), nothing would be protected by refusing to start.
            return self._lock.error() != QLockFile.LockError.LockFailedError
        QLocalServer.removeServer(self._name)  # whoever made it is dead: the lock is ours
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_knock)
        if not server.listen(self._name):
            log.warning("a second start cannot raise this window: %s", server.errorString())
        self._server = server
        return True

    @property
    def listening(self) -> bool:
        """Whether a second start can raise this window."""
        return self._server is not None and self._server.isListening()

    def raise_first(self) -> bool:
        """Ask the first window to come to the front; whether it heard."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        heard = socket.waitForConnected(ANSWER_MS) and socket.waitForReadyRead(ANSWER_MS)
        socket.abort()
        return heard

    def release(self) -> None:
        """Harmless when repeated."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._lock.unlock()

    @Slot()
    def _on_knock(self) -> None:
        while self._server is not None and (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.write(HEARD)
            socket.flush()
            socket.disconnectFromServer()
            self.raised.emit()


def socket_name(data_folder: Path) -> str:
    """The same for every spelling of one folder's path, and always short."""
    real = QDir(str(data_folder)).canonicalPath() or str(data_folder.absolute())
    return "workbench-" + hashlib.sha256(real.encode()).hexdigest()[:24]
