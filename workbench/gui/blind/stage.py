"""What stands in the place of the panes: answers being written, a vote without names, the reveal."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QStackedWidget, QWidget

from workbench.gui import theme
from workbench.gui.blind.cards import JudgedCard, NoVoteCard, WritingCard
from workbench.gui.blind.reveal import Reveal, RevealView
from workbench.gui.blind.sitting import Asked
from workbench.gui.blind.voting import VotingView
from workbench.gui.blind.words import all_judged
from workbench.gui.tr import tr

_TYPED = Qt.WidgetAttribute.WA_InputMethodEnabled


class BlindStage(QStackedWidget):
    """Draws what ``BlindMode`` says; decides nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Blind vote"))
        self.writing = WritingCard()
        self.nothing = NoVoteCard()
        self.judged = JudgedCard()
        self.voting = VotingView()
        self.reveal = RevealView()
        self._keys: QWidget = self.writing
        for part in (self.writing, self.nothing, self.judged, self.voting, self.reveal):
            self.addWidget(part)

    def show_writing(self, answers: int) -> None:
        self.writing.begin(answers)
        self._show(self.writing, self.writing, from_empty=True)

    def show_nothing(self, why: str) -> None:
        self.nothing.say(why)
        self._show(self.nothing, self.nothing.leave_button)

    def show_judged(self, pairs: int, rater: str) -> None:
        self.judged.say(all_judged(pairs, rater))
        self._show(self.judged, self.judged.leave_button)

    def show_pair(self, asked: Asked, *, can_undo: bool, told: str, tags: tuple[str, ...], rater: str) -> None:
        self.voting.draw(asked, can_undo=can_undo, told=told, tags=tags)
        self.voting.show_rater(rater)
        self._show(self.voting, self.voting)

    def show_reveal(self, reveal: Reveal, *, can_undo: bool) -> None:
        self.reveal.draw(reveal, can_undo=can_undo)
        self._show(self.reveal, self.reveal.next_button)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(260), theme.px(200))

    def take_keys(self) -> None:
        """What is shown has the keys from now on."""
        self._keys.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self, part: QWidget, keys: QWidget, *, from_empty: bool = False) -> None:
        """``from_empty`` takes the keys also from a prompt in which nothing is written."""
        self._keys = keys
        self.setCurrentWidget(part)
        if part is not self.writing:
            self.writing.end()
        # Whoever writes the next prompt goes on writing: keys are votes only where nobody types.
        typing = QApplication.focusWidget()
        empty = isinstance(typing, QPlainTextEdit) and typing.document().isEmpty()
        if typing is None or self.isAncestorOf(typing) or not typing.testAttribute(_TYPED) or (from_empty and empty):
            self.take_keys()
