"""Dialogs that keep their size in step with the size of the text."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QWidget

from workbench.gui import theme


class Sheet(QDialog):
    """``width`` and ``height`` are pixels at 100 % text; None: as high as its words need, whatever they become.

    What the user made of its size stays, in proportion.  Never larger than the screen.
    """

    def __init__(self, width: int, height: int | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._width, self._height = width, height
        self._scale = theme.scale()
        theme.changed.connect(self._follow_text)
        if height is not None:
            self._take(theme.px(width), theme.px(height))

    def showEvent(self, event: QShowEvent) -> None:
        self._fit()
        super().showEvent(event)

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return handled

    @Slot()
    def _follow_text(self) -> None:
        before, self._scale = self._scale, theme.scale()
        if self._height is not None and before != self._scale:
            self._take(round(self.width() * self._scale / before), round(self.height() * self._scale / before))
        self._fit()

    def _fit(self) -> None:
        layout = self.layout()
        if self._height is None and layout is not None:
            layout.activate()
            width = theme.px(self._width)
            self._take(width, layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else self.height())

    def _take(self, width: int, height: int) -> None:
        room = self.screen().availableSize()
        self.resize(min(width, room.width()), min(height, room.height()))
