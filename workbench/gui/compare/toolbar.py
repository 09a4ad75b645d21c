"""The line above the panes: another pane, another conversation, the options."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import text_button


class CompareBar(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.add = text_button("Add a pane", kind="ghost")
        self.new = text_button("New comparison", kind="ghost")
        self.recent = text_button("Recent", kind="ghost")
        self.options = text_button("Options", kind="ghost")
        self.options.setCheckable(True)
        self.options.setToolTip("System prompt, sampling, context (Ctrl+I)")
        self._icons: tuple[tuple[QPushButton, str], ...] = (
            (self.add, "plus"),
            (self.new, "square-edit-outline"),
            (self.recent, "history"),
            (self.options, "tune-variant"),
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XS)
        for button in (self.new, self.recent, self.add):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.options)
        theme.changed.connect(self._dress)
        self._dress()

    @Slot()
    def _dress(self) -> None:
        for button, icon in self._icons:
            button.setIcon(theme.icon(icon))
            button.setIconSize(QSize(theme.px(16), theme.px(16)))
