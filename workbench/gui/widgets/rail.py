"""The pages of the window, one button each."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space, Tone

WIDTH = 84


class Rail(QFrame):
    """``chosen`` is emitted with a page's name."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "rail")
        self.setAccessibleName("Pages")
        self.buttons: dict[str, QToolButton] = {}
        self._icons: dict[str, str] = {}
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.XS, Space.S, Space.XS, Space.S)
        self._column.setSpacing(Space.XS)
        self._column.addStretch(1)
        theme.changed.connect(self._dress)

    def add(self, name: str, title: str, icon: str, tip: str, *, at_end: bool = False) -> None:
        button = QToolButton()
        button.setObjectName(name)
        button.setText(title)
        button.setToolTip(tip)
        button.setAccessibleName(title)
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self._group.addButton(button)
        self.buttons[name], self._icons[name] = button, icon
        self._column.insertWidget(self._column.count() if at_end else self._column.count() - 1, button)
        self._dress()

    def show_current(self, name: str) -> None:
        self.buttons[name].setChecked(True)
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
