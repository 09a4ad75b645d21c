"""The head of a pane: which model, what it needs or does now, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.pane import Pane
from workbench.gui import theme
from workbench.gui.compare.picker import PickerButton
from workbench.gui.compare.words import PaneLine
from workbench.gui.motion import show_endless
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import TARGET, ElidedLabel, IconButton, label, text_button
from workbench.gui.words import family_tone
from workbench.models.naming import bare

NARROW = 340  # pixels at 100 % text
ROOMY = 420  # less, and a sign stands for the word that a model is synthetic
CHIP = 18  # characters of a chip: the line beside it says more
_STEPS = 1000


class PaneHeader(QWidget):
    """``one_wished``: this pane alone, or all of them again."""

    one_wished = Signal()
    pick = Signal()
    stop = Signal()
    close_pane = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._alone = False
        self._apart = ""
        self.dot = label("●")
        self.model = PickerButton()
        self.model.clicked.connect(self.pick)
        self.synthetic = label(tr("synthetic"), role="chip", tone=Tone.CAUTION)
        self.synthetic.setToolTip(tr("Random weights: the answers are noise"))
        self.synthetic.setAccessibleName(tr("synthetic"))
        self.back = text_button(tr("All panes"), kind="small")
        self.back.setToolTip(tr("Show the other panes again (Esc)"))
        self.back.clicked.connect(self.one_wished)
        self.back.hide()
        self.menu = QMenu(self)
        self.more = IconButton("dots-horizontal", tr("More for this pane"))
        self.more.setMenu(self.menu)
        self.more.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)
        self.close_button = IconButton("close", tr("Close this pane"))
        self.close_button.clicked.connect(self.close_pane)
        self.own = text_button(tr("own settings"), kind="small")
        self.own.hide()
        self.line = ElidedLabel()
        self.line.setProperty("role", "muted")
        self.stop_button = text_button(tr("■ Stop"), kind="small")
        self.stop_button.setAccessibleName(tr("Stop this answer"))
        self.stop_button.clicked.connect(self.stop)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setProperty("role", "thin")
        self.bar.setAccessibleName(tr("Progress"))
        self._lay_out()

    def draw(self, pane: Pane, line: PaneLine, *, opening: str, apart: str = "") -> None:
        """``apart`` stands beside the quantisation: what tells this pane from another with the same model."""
        model = pane.model
        theme.mark(self.dot, tone=family_tone(model.family) if model else Tone.MUTED)
        self.dot.setText("●" if model else "○")
        self.dot.setToolTip(tr("Family: {name}", name=model.family.value) if model else "")
        if model is not None:
            self.model.set_words(
                bare(model.title, model.quantisation),
                f"{model.name}\n{model.path}",
                tail=_tail(model.quantisation, apart),
            )
        else:
            self.model.set_words(opening or tr("Choose a model"), tr("Choose the model of this pane"))
        self.synthetic.setVisible(model is not None and model.synthetic)
        self.line.setText(line.text)
        self.line.setAccessibleName(line.text)
        theme.mark(self.line, tone=line.tone)
        self.stop_button.setVisible(pane.busy)
        self._draw_bar(line.fraction)

    def show_own(self, own: Sequence[str], apart: str) -> None:
        """What this pane does differently from the others, a phrase each; the chip leads to where it is chosen, and
        says ``apart`` where that is one of them."""
        said = ", ".join(own)
        self._apart = shortened(apart) if apart in own else ""
        self._make_room()
        self.own.setVisible(bool(own))
        self._keep_place_of_stop(kept=not own)
        self.own.setToolTip(tr("Not as the other panes: {list}", list=said))
        self.own.setAccessibleName(tr("Own settings: {list}", list=said))

    def _keep_place_of_stop(self, *, kept: bool) -> None:
        # Where the chip stands too, the figures of the line need the room more.
        policy = self.stop_button.sizePolicy()
        policy.setRetainSizeWhenHidden(kept)
        self.stop_button.setSizePolicy(policy)

    def _draw_bar(self, fraction: float | None) -> None:
        # The bar keeps its place when it is empty, so that nothing jumps.
        theme.mark(self.bar, idle=fraction is None)
        if fraction is None:
            self.bar.setRange(0, _STEPS)
            self.bar.reset()
        elif fraction < 0:
            show_endless(self.bar)
        else:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(round(_STEPS * fraction))

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(Space.XS)
        first.addWidget(self.dot)
        first.addWidget(self.model, 1)
        first.addWidget(self.synthetic, 0, Qt.AlignmentFlag.AlignVCenter)
        first.addWidget(self.back, 0, Qt.AlignmentFlag.AlignVCenter)
        first.addWidget(self.more)
        first.addWidget(self.close_button)
        second = QHBoxLayout()
        second.setSpacing(Space.S)
        second.addWidget(self.line, 1)
        second.addWidget(self.stop_button, 0, Qt.AlignmentFlag.AlignRight)
        second.addWidget(self.own, 0, Qt.AlignmentFlag.AlignRight)
        self._keep_place_of_stop(kept=True)
        upper = QVBoxLayout()
        upper.setContentsMargins(Space.M, Space.S, Space.S, Space.XS)
        upper.setSpacing(0)
        upper.addLayout(first)
        upper.addLayout(second)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(upper)
        column.addWidget(self.bar)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_alone(self, *, alone: bool) -> None:
        """The only pane of a comparison cannot be closed."""
        self._alone = alone
        self._make_room()

    def show_alone(self, *, alone: bool) -> None:
        """Whether this pane has all the room, for now."""
        self.back.setVisible(alone)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.one_wished.emit()
        else:
            super().mouseDoubleClickEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        # In a narrow pane the figures and the name matter more than these words; the menu closes it too.
        narrow = self.width() < theme.px(NARROW)
        self.own.setText(self._apart or (tr("own") if narrow else tr("own settings")))
        self.stop_button.setText("■" if narrow else tr("■ Stop"))
        self.synthetic.setText(tr("synthetic") if self.width() >= theme.px(ROOMY) else "△")
        self.close_button.setVisible(not self._alone and not narrow)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(TARGET * 6), super().minimumSizeHint().height())


def shortened(phrase: str) -> str:
    return phrase if len(phrase) <= CHIP else f"{phrase[: CHIP - 1].rstrip()}…"


def _tail(quantisation: str, apart: str) -> str:
    return f" · {quantisation} · {apart}" if apart else f" · {quantisation}"
