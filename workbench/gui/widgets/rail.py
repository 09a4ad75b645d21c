"""The pages of the window, one button each; below them what is not a page: downloads, and the network's switch."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr

WIDTH = 84
BAR = 3  # pixels: how high the progress below a button's words is


class Rail(QFrame):
    """``chosen`` is emitted with a page's name, ``switched`` with that of another button and whether it is on."""

    chosen = Signal(str)
    switched = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "rail")
        self.setAccessibleName(tr("Pages"))
        self.buttons: dict[str, RailButton] = {}
        self._icons: dict[str, str] = {}
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.XS, Space.S, Space.XS, Space.S)
        self._column.setSpacing(Space.XS)
        self._column.addStretch(1)
        self._top = 0
        theme.changed.connect(self._dress)

    def add(self, name: str, title: str, icon: str, tip: str, *, at_end: bool = False) -> None:
        """A page."""
        button = self._made(name, title, icon, tip)
        self._group.addButton(button)
        self._place(button, at_end=at_end)

    def add_switch(self, name: str, title: str, icon: str, tip: str) -> None:
        """Something below the pages that is on or off."""
        button = self._made(name, title, icon, tip)
        button.clicked.connect(self._on_switch)
        self._place(button, at_end=True)

    def show_current(self, name: str) -> None:
        self.buttons[name].setChecked(True)
        self._dress()

    def draw(
        self, name: str, *, on: bool, title: str | None = None, icon: str | None = None, tip: str | None = None
    ) -> None:
        """A switch as it stands now."""
        button = self.buttons[name]
        button.setChecked(on)
        if title is not None:
            button.setText(title)
            button.setAccessibleName(title)
        if tip is not None:
            button.setToolTip(tip)
            button.setAccessibleDescription(tip)
        if icon is not None:
            self._icons[name] = icon
        self._dress()

    def _made(self, name: str, title: str, icon: str, tip: str) -> RailButton:
        button = RailButton()
        button.setObjectName(name)
        button.setText(title)
        button.setToolTip(tip)
        button.setAccessibleName(title)
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.buttons[name], self._icons[name] = button, icon
        return button

    def _place(self, button: QToolButton, *, at_end: bool) -> None:
        if at_end:
            self._column.addWidget(button)
        else:
            self._column.insertWidget(self._top, button)
            self._top += 1
        self._dress()

    @Slot()
    def _dress(self) -> None:
        self.setFixedWidth(theme.px(WIDTH))
        for name, button in self.buttons.items():
            button.setIcon(theme.icon(self._icons[name], Tone.ACCENT if button.isChecked() else Tone.MUTED))
            button.setIconSize(QSize(theme.px(22), theme.px(22)))
            button.setFixedWidth(theme.px(WIDTH) - 2 * Space.XS - 1)

    @Slot(object)
    def _on_button(self, button: QToolButton) -> None:
        self._dress()
        self.chosen.emit(button.objectName())

    @Slot(bool)
    def _on_switch(self, on: bool) -> None:
        self._dress()
        self.switched.emit(self.sender().objectName(), on)


class RailButton(QToolButton):
    """``show_share`` draws how far something is, below its words."""

    def __init__(self) -> None:
        super().__init__()
        self._share: float | None = None

    @property
    def share(self) -> float | None:
        return self._share

    def show_share(self, share: float | None) -> None:
        if share != self._share:
            self._share = share
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._share is None:
            return
        tokens = theme.current()
        area = QRectF(Space.S, self.height() - BAR - 3, self.width() - 2 * Space.S, BAR)
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for width, color in ((1.0, tokens.track), (self._share, tokens.accent)):
            painter.setBrush(QColor(color))
            painter.drawRoundedRect(QRectF(area.x(), area.y(), area.width() * width, area.height()), 1.5, 1.5)
        painter.end()
