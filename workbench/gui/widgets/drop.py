"""The curtain that says what becomes of a file that hovers over the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label


class DropCurtain(QFrame):
    """Covers its parent while a file hovers over the window; takes no event itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        column = QVBoxLayout(self)
        self._said = label(role="title")
        column.addWidget(self._said, 0, Qt.AlignmentFlag.AlignCenter)
        parent.installEventFilter(self)
        self.hide()

    def lift(self, words: str) -> None:
        """``words`` say what dropping it would do."""
        self._said.setText(words)
        self._cover()
        self.raise_()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._cover()
        return super().eventFilter(watched, event)

    def _cover(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect().adjusted(Space.S, Space.S, -Space.S, -Space.S))
