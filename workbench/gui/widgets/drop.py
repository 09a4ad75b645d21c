"""What may be dropped on the window, and the curtain that says so."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label


def dropped_files(data: QMimeData) -> list[Path]:
    """Local GGUF files among what is dragged; a file of any other name is left to others."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() == ".gguf"]


class DropCurtain(QFrame):
    """Covers its parent while a file hovers over the window; takes no event itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        column = QVBoxLayout(self)
        column.addWidget(label("Drop to open this model", role="title"), 0, Qt.AlignmentFlag.AlignCenter)
        parent.installEventFilter(self)
        self.hide()

    def lift(self) -> None:
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
