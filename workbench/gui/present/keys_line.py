"""The presenter's keys at the lower edge: shown when something moves, and gone again when nothing does."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QLabel, QWidget

from workbench.gui import theme
from workbench.gui.tr import tr

SHOWN_MS = 6_000
_BETWEEN = "     "


class KeysLine(QLabel):
    """Keeps its place while it is hidden, so that nothing jumps."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Keys"))
        self.setWordWrap(True)
        theme.mark(self, role="muted")
        kept = self.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.setSizePolicy(kept)
        often = (tr("← → prompts"), tr("Space: ask"), tr("B: blind or not"), tr("R: reveal"), tr("Esc: leave"))
        seldom = (
            tr("P: figures"),
            tr("D: choose prompts"),
            tr("S: save as a page"),
            tr("M: other screen"),
            tr("+ −: type"),
        )
        self._few, self._all = _line(*often, tr("?: all keys")), _line(*often[:-1], *seldom, often[-1])
        self.setText(self._few)
        self._timer = QTimer(self, singleShot=True, interval=SHOWN_MS)
        self._timer.timeout.connect(self.hide)

    def fit(self, pixels: int) -> None:
        self.setStyleSheet(f"font-size: {pixels}px;")

    @Slot()
    def turn(self) -> None:
        """Show all keys, or only those that are used often."""
        self.setText(self._few if self.text() == self._all else self._all)

    @Slot()
    def wake(self) -> None:
        """Show the keys, and hide them after a while."""
        self.show()
        self._timer.start()


def _line(*keys: str) -> str:
    """What belongs together stays on one line."""
    return _BETWEEN.join(words.replace(" ", "\N{NO-BREAK SPACE}") for words in keys)
