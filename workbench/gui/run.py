"""Starts Qt and the window, and ends them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import (
    QLocale,
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    QtMsgType,
    Signal,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from workbench.gui import motion, theme
from workbench.gui.collecting import Collector
from workbench.gui.commands import PROGRAM
from workbench.gui.first_paint import once_drawn
from workbench.gui.instance import Instance
from workbench.gui.tr import tr, use_language
from workbench.gui.window import MainWindow
from workbench.paths import resources

if TYPE_CHECKING:
    from workbench.app import Workbench

log = logging.getLogger(__name__)
qt_log = logging.getLogger("qt")

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def run_window(workbench: Workbench) -> int:
    """Open the window and stay until it closes; the exit status, START_AGAIN where another is to be opened.

    A second window on the same data folder raises the first and is done."""
    os.environ.setdefault("QT_API", "pyside6")  # for the icon library
    qInstallMessageHandler(_qt_message)
    try:
        app = QApplication.instance() or QApplication(sys.argv[:1])
        assert isinstance(app, QApplication)
        instance = Instance(workbench.paths.data)
        if not instance.acquire():
            heard = instance.raise_first()
            print(f"{PROGRAM} is open already" + (": its window was raised." if heard else ", but it does not answer."))
            return 0 if heard else 1
        try:
            return _run(app, workbench, instance)
        finally:
            instance.release()
    finally:
        qInstallMessageHandler(None)


def _run(app: QApplication, workbench: Workbench, instance: Instance) -> int:
    app.setApplicationName("workbench")
    app.setApplicationDisplayName(PROGRAM)
    app.setDesktopFileName("workbench")
    app.setWindowIcon(theme.app_icon())
    use_language(app, resources() / "translations", QLocale())
    theme.apply(app, workbench.settings.theme, workbench.settings.text_scale)
    motion.reduce(app, reduced=workbench.settings.reduced_motion)
    collector = Collector()
    unfinished = workbench.conversations.mark_unfinished()
    if unfinished:
        log.info("%d answers were being written when the program last ended", unfinished)
    with theme.undressed(app):
        window = MainWindow(workbench)
    instance.raised.connect(window.come_to_front)
    once_drawn(window, instance.listen)
    with _faults_shown(window), _ended_by_signals(window):
        window.show()
        status = app.exec()
        window.close()  # ended by the session rather than by its own button: end the work too
        afterwards = window.afterwards
    shiboken6.delete(window)  # from the top down; the collector would take it apart in any order, and fall
    del window
    collector.close()
    if afterwards is not None:
        workbench.close()
        afterwards()
    return status


def _qt_message(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    qt_log.log(_LEVELS.get(kind, logging.WARNING), "%s", message)


# --- faults ------------------------------------------------------------------------------------


class _Faults(QObject):
    """Carries an unexpected error from whichever thread met it to the window."""

    met = Signal(str, str)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.met.connect(self._show)

    def take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("unexpected error", exc_info=(kind, error, trace))
        self.met.emit(kind.__name__, "".join(traceback.format_exception(kind, error, trace)))

    @Slot(str, str)
    def _show(self, name: str, details: str) -> None:
        hint = tr("This is a fault of the program; what you see may be incomplete. Details can be copied.")
        self._window.notice.say(tr("Unexpected error: {name}.", name=name), hint, details=details)


@contextmanager
def _faults_shown(window: MainWindow) -> Iterator[None]:
    """Errors in slots, and in threads of nobody's, reach the log and the window."""
    faults = _Faults(window)
    before, before_threads = sys.excepthook, threading.excepthook

    def in_slot(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
        else:
            faults.take(kind, error, trace)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            faults.take(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook = in_slot, in_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before, before_threads


# --- signals -----------------------------------------------------------------------------------


class _Wakeup(QObject):
    """Python runs signal handlers between bytecodes, and Qt's loop runs none: a socket wakes it."""

    def __init__(self, woken: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._woken = woken
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_signal)

    @Slot()
    def _on_signal(self) -> None:
        self._read.recv(64)
        self._woken()

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before)
        self._read.close()
        self._write.close()


@contextmanager
def _ended_by_signals(window: MainWindow) -> Iterator[None]:
    """SIGINT and SIGTERM close the window as its button does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal wanted
        wanted = True

    def on_wakeup() -> None:
        if wanted:
            window.close()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    wakeup = _Wakeup(on_wakeup, window)
    try:
        yield
    finally:
        wakeup.close()
        for number, handler in before.items():
            signal.signal(number, handler)
