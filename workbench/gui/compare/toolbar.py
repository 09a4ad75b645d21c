"""The line above the panes: another pane, another conversation, the options."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import TARGET, text_button


class CompareBar(QWidget):
    """Where there is no room for words the icons stand alone; the words are their names and tool tips all the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.add = text_button("", kind="ghost")
        self.new = text_button("", kind="ghost")
        self.recent = text_button("", kind="ghost")
        self.options = text_button("", kind="ghost")
        self.options.setCheckable(True)
        self._buttons: tuple[tuple[QPushButton, str, str, str], ...] = (
            (self.new, "New comparison", "square-edit-outline", "The same models, a new conversation"),
            (self.recent, "Recent", "history", "Earlier conversations"),
            (self.add, "Add a pane", "plus", "One model more"),
            (self.options, "Options", "tune-variant", "System prompt, sampling, context (Ctrl+I)"),
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XS)
        for button, words, _, tip in self._buttons:
            button.setAccessibleName(words)
            button.setToolTip(f"{words}: {tip}")
            row.addWidget(button)
        row.insertStretch(len(self._buttons) - 1, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(2 * TARGET * len(self._buttons)), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    @Slot()
    def _dress(self) -> None:
        for button, _, icon, _ in self._buttons:
            button.setIcon(theme.icon(icon))
            button.setIconSize(QSize(theme.px(16), theme.px(16)))
        self._make_room()

    def _make_room(self) -> None:
        for button, words, _, _ in self._buttons:
            button.setText(words)
        needed = sum(button.sizeHint().width() + Space.XS for button, _, _, _ in self._buttons)
        if needed > self.width():
            for button, _, _, _ in self._buttons:
                button.setText("")
