"""One window per data folder: a second start raises the first one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDeadlineTimer, QDir, QLockFile, QObject, QThread, Signal, Slot

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

log = logging.getLogger(__name__)

HEARD = b"heard\n"
ANSWER_MS = 2000
AGAIN_MS = 50


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
        self._folder = data_folder
        self._ours = False
        self._server: QLocalServer | None = None

    def acquire(self) -> bool:
        """Whether this is the first window here; once it stands, ``listen`` is to be called."""
        if not self._lock.tryLock(0):
            # Where locks cannot be made (a read-only folder), nothing would be protected by refusing to start.
            return self._lock.error() != QLockFile.LockError.LockFailedError
        self._ours = True
        return True

    @Slot()
    def listen(self) -> None:
        """Hear the others.  Apart from ``acquire``, for it needs much that a window does not need to be drawn."""
        if not self._ours:
            return
        from PySide6.QtNetwork import QLocalServer

        QLocalServer.removeServer(socket_name(self._folder))  # whoever made it is dead: the lock is ours
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_knock)
        if not server.listen(socket_name(self._folder)):
            log.warning("a second start cannot raise this window: %s", server.errorString())
        self._server = server

    @property
    def listening(self) -> bool:
        """Whether a second start can raise this window."""
        return self._server is not None and self._server.isListening()

    def raise_first(self) -> bool:
        """Ask the first window to come to the front; whether it heard.  It may itself be about to open."""
        from PySide6.QtNetwork import QLocalSocket

        socket, until = QLocalSocket(), QDeadlineTimer(ANSWER_MS)
        while True:
            socket.connectToServer(socket_name(self._folder))
            if socket.waitForConnected(until.remainingTime()) or until.hasExpired():
                break
            QThread.msleep(AGAIN_MS)
        heard = socket.waitForReadyRead(ANSWER_MS)
        socket.abort()
        return heard

    def release(self) -> None:
        """Harmless when repeated."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._ours = False
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
    import hashlib

    real = QDir(str(data_folder)).canonicalPath() or str(data_folder.absolute())
    return "workbench-" + hashlib.sha256(real.encode()).hexdigest()[:24]
