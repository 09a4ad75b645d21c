"""Says that long work has ended, to somebody who looks at another window."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from workbench.gui import theme

SHOWN_MS = 8000


class Notifier(QObject):
    """A message of the system where it has such, else a mark on the window's entry in the task bar."""

    def __init__(self, within: QWidget) -> None:
        super().__init__(within)
        self._within = within
        self._tray: QSystemTrayIcon | None = None
        self.told: tuple[str, str] | None = None

    def tell(self, title: str, text: str) -> None:
        """Nothing where the window is in front: it can be seen there."""
        window = self._within.window()
        if window.isActiveWindow() or not window.isVisible():
            return
        self.told = (title, text)
        QApplication.alert(window)
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            if self._tray is None:
                self._tray = QSystemTrayIcon(theme.app_icon(), self)
                self._tray.messageClicked.connect(self._show_window)
            self._tray.show()
            self._tray.showMessage(title, text, theme.app_icon(), SHOWN_MS)

    @Slot()
    def _show_window(self) -> None:
        window = self._within.window()
        window.raise_()
        window.activateWindow()
        if self._tray is not None:
            self._tray.hide()
