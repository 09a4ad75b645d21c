"""Below an answer: its figures, its earlier attempts, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QMenu, QWidget

from workbench.gui import theme
from workbench.gui.compare.stepper import Stepper
from workbench.gui.compare.wishes import Wish
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import IconButton, label

NARROW = 420  # pixels at 100 % text: figures and buttons have no room beside each other
CROWDED = 330  # less, and only what is used most has a button of its own: the menu holds all of it


class AnswerFooter(QWidget):
    """Figures and buttons beside each other, below each other in a narrow pane: the answer must not grow wider.

    ``menu_opens`` comes before the menu is shown, so that its entries can be told what is possible now.
    """

    menu_opens = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.figures = label(role="muted", wrap=True)
        self.sure = IconButton("percent-outline", tr("How sure was it: token by token"))
        self.sure.setCheckable(True)
        self.asked = IconButton("information-outline", tr("How it was asked"))
        self.copy = IconButton("content-copy", tr("Copy the answer"))
        self.again = IconButton("refresh", tr("Answer this again, in this pane only"))
        self.attempts = Stepper(tr("The attempt before"), tr("The next attempt"))
        self.more = IconButton("dots-horizontal", tr("More to do with this answer"))
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.menu_opens)
        self.more.clicked.connect(self._open_menu)
        self._offered = {self.sure: False, self.asked: False, self.again: False}
        row = QHBoxLayout()
        row.setSpacing(Space.XS)
        row.addStretch(1)
        for button in (self.attempts, self.sure, self.asked, self.copy, self.again, self.more):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(Space.XS)
        self._box.addWidget(self.figures, 1)
        self._box.addLayout(row)
        self._arrange()

    def offer(self, button: IconButton, *, possible: bool) -> None:
        """Whether there is a use for a button; a narrow pane leaves it to the menu all the same."""
        self._offered[button] = possible
        self._arrange()

    def offers(self, button: IconButton) -> bool:
        return self._offered[button]

    def tell_again(self, *, newest: bool) -> None:
        """What becomes of what came after this answer when it is made again."""
        self.again.say(
            tr("Answer this again, in this pane only")
            if newest
            else tr("Answer this again, in this pane only. What came after stays on its own branch")
        )

    def add(self, words: str, deed: Callable[[], object], tip: str = "") -> QAction:
        action = self.menu.addAction(words, deed)
        action.setToolTip(tip)
        return action

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < theme.px(NARROW)
        self._box.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self._arrange()

    def _arrange(self) -> None:
        crowded = self.width() < theme.px(CROWDED)
        for button, possible in self._offered.items():
            # The way back from a view of tokens stays in sight.
            button.setVisible(possible and (not crowded or button.isChecked() or button is self.again))

    @Slot()
    def _open_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height())))


def menu_entries(
    footer: AnswerFooter,
    wish: Callable[[Wish], object],
    quote: Callable[[], object],
    edit: Callable[[], object],
) -> dict[Wish, QAction]:
    """Everything that can be wished of an exchange, in words: what has a button too, and what has none."""
    made = {
        Wish.COPY: footer.add(tr("Copy as Markdown"), partial(wish, Wish.COPY)),
        Wish.QUOTE: footer.add(
            tr("Quote in the next prompt"), quote, tr("What is selected of it, else the whole answer")
        ),
    }
    footer.menu.addSeparator()
    made[Wish.AGAIN] = footer.add(tr("Answer again, in this pane only"), partial(wish, Wish.AGAIN))
    made[Wish.EDIT] = footer.add(tr("Edit the prompt"), edit, tr("Asks a branch; what was answered stays"))
    made[Wish.BRANCH_HERE] = footer.add(
        tr("Branch from here"), partial(wish, Wish.BRANCH_HERE), tr("The next prompt follows this one")
    )
    footer.menu.addSeparator()
    made[Wish.CONTINUE_ALL] = footer.add(
        tr("All panes go on from this answer"), partial(wish, Wish.CONTINUE_ALL), tr("With the next prompt")
    )
    made[Wish.CONTINUE_OWN] = footer.add(
        tr("Each pane goes on from its own answer"), partial(wish, Wish.CONTINUE_OWN), tr("With the next prompt")
    )
    footer.menu.addSeparator()
    made[Wish.DIFFERENCES] = footer.add(tr("Differences to another pane…"), partial(wish, Wish.DIFFERENCES))
    made[Wish.EXPORT] = footer.add(tr("Export this comparison…"), partial(wish, Wish.EXPORT))
    return made
