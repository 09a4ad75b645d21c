"""Two answers without names beside each other, and the bar to say which is better."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QBoxLayout, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.blind.notes import Notes
from workbench.gui.blind.sitting import Asked, Shown
from workbench.gui.compare.bubble import PromptBubble
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.widgets.text_view import AnswerView
from workbench.stats.outcome import Outcome

SHOWN_NAME = 20  # characters of a rater's name on the button
BESIDE = 560  # pixels at 100 % text: less has no room for two columns
KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("1", "A"), "left"),
    (("T",), "tie"),
    (("2", "B"), "right"),
    (("N",), "bad"),
    (("S",), "skip"),
    (("U",), "undo"),
    (("C",), "comment"),
    (("#",), "tags"),
    (("R",), "rater"),
)


class AnswerColumn(QFrame):
    """One answer: alike for all, whoever wrote it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "pane")
        self.setAccessibleName(name)
        self.text = AnswerView(name=name)
        self.text.setTabChangesFocus(True)
        self._chips = QHBoxLayout()
        self._chips.setSpacing(Space.XS)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label(name, role="subtitle"))
        head.addLayout(self._chips)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.M, Space.S, Space.M)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.text, 1)

    def show_answer(self, shown: Shown) -> None:
        clear(self._chips)
        for warning in shown.warnings:
            self._chips.addWidget(label(tr(warning), role="chip", tone=Tone.CAUTION))
        self.text.show_markdown(shown.text)
        self.text.verticalScrollBar().setValue(0)


class VoteBar(QWidget):
    """Every button says its key; ``voted`` has an outcome, or None for a pair that is skipped."""

    voted = Signal(object)
    undo = Signal()

    def __init__(self, notes: Notes, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.left = _button(tr("A is better"), "1", kind="plain")
        self.tie = _button(tr("Tie"), "T", kind="plain")
        self.right = _button(tr("B is better"), "2", kind="plain")
        self.bad = _button(tr("Both bad"), "N", kind="plain")
        self.skip = _button(tr("Skip"), "S", kind="ghost")
        self.back = _button(tr("Undo"), "U", kind="ghost")
        self.comment = _button(tr("Comment"), "C", kind="ghost")
        self.tags = _button(tr("Tags"), "#", kind="ghost")
        self.rater = _button(tr("Rater"), "R", kind="ghost")
        outcomes = ((self.left, Outcome.LEFT), (self.tie, Outcome.TIE), (self.right, Outcome.RIGHT),
                    (self.bad, Outcome.BOTH_BAD), (self.skip, None))  # fmt: skip
        for button, outcome in outcomes:
            button.clicked.connect(partial(self._on_vote, outcome))
        self.back.clicked.connect(self.undo)
        self.comment.clicked.connect(notes.write_comment)
        self.tags.clicked.connect(notes.write_tags)
        self.rater.clicked.connect(notes.write_rater)
        flow = FlowLayout(self, gap=Space.S)
        for button in self.buttons:
            flow.addWidget(button)

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        return (self.left, self.tie, self.right, self.bad, self.skip, self.back, self.comment, self.tags, self.rater)

    def show_rater(self, name: str) -> None:
        """Who judges, where that has a name."""
        short = name if len(name) <= SHOWN_NAME else f"{name[:SHOWN_NAME].rstrip()}…"
        words = tr("Rater: {name}", name=short) if name else tr("Rater")
        self.rater.setText(f"{words}   R".replace("&", "&&"))
        self.rater.setAccessibleName(tr("Rater: {name}", name=name) if name else words)

    def press(self, key: str) -> None:
        """As if the button with this name of ``KEYS`` was clicked."""
        dict(zip((name for _, name in KEYS), self.buttons, strict=True))[key].click()

    def _on_vote(self, outcome: Outcome | None) -> None:
        self.voted.emit(outcome)


class VotingView(QWidget):
    """``voted(outcome or None, comment, tags)``; ``undo`` asks the pair before again."""

    voted = Signal(object, str, tuple)
    undo = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.asked: Asked | None = None
        self._told = label(role="small", wrap=True)
        self._told.hide()
        self.progress = label(role="muted")
        self.keys = label(tr("Click an answer to vote by keys"), role="muted")
        self.question = label(tr("Which answer is better?"), role="subtitle")
        self._prompt = QVBoxLayout()
        self.columns = (AnswerColumn(tr("Answer A")), AnswerColumn(tr("Answer B")))
        self._beside = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._beside.setSpacing(Space.M)
        for answer in self.columns:
            self._beside.addWidget(answer, 1)
        self.notes = Notes()
        self.bar = VoteBar(self.notes)
        self.bar.voted.connect(self._on_vote)
        self.bar.undo.connect(self.undo)
        self.notes.done.connect(self._take_keys)
        self.notes.rater_named.connect(self.bar.show_rater)
        head = QHBoxLayout()
        head.addWidget(self.question)
        head.addStretch(1)
        head.addWidget(self.keys)
        head.addWidget(self.progress)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self._told)
        column.addLayout(self._prompt)
        column.addLayout(self._beside, 1)
        column.addWidget(self.notes)
        column.addWidget(self.bar)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus)
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        for keys, name in KEYS:
            for key in keys:
                QShortcut(QKeySequence(key), self, partial(self.bar.press, name), context=within)

    def draw(self, asked: Asked, *, can_undo: bool, told: str = "", tags: tuple[str, ...] = ()) -> None:
        """``told`` is what there is to say about the vote before; ``tags`` were used before."""
        self.asked = asked
        clear(self._prompt)
        self._prompt.addWidget(PromptBubble(asked.prompt))
        for answer, shown in zip(self.columns, (asked.left, asked.right), strict=True):
            answer.show_answer(shown)
        self.progress.setText(tr("{number} of {of} pairs", number=asked.number, of=asked.of))
        self.progress.setVisible(asked.of > 1)
        self.setAccessibleName(tr("Blind vote: pair {number} of {of}", number=asked.number, of=asked.of))
        self.setAccessibleDescription(tr("1 or A, T, 2 or B, N vote; S skips, U undoes, C comments, # tags, R rater"))
        self._told.setText(told)
        self._told.setVisible(bool(told))
        self.bar.back.setEnabled(can_undo)
        self.notes.clear()
        self.notes.tags.know(tags)

    def show_rater(self, name: str) -> None:
        self.notes.rater.setText(name)
        self.bar.show_rater(name)

    @Slot(QWidget, QWidget)
    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        self.keys.setVisible(new is None or not (new is self or self.isAncestorOf(new)))

    @Slot()
    def _take_keys(self) -> None:
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _on_vote(self, outcome: Outcome | None) -> None:
        self.voted.emit(outcome, self.notes.comment.text(), self.notes.tags.tags)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._turn()

    def _turn(self) -> None:
        narrow = self.width() < theme.px(BESIDE)
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._beside.direction() != way:
            self._beside.setDirection(way)


def _button(words: str, key: str, *, kind: str) -> QPushButton:
    button = text_button(f"{words}   {key}", kind=kind)
    button.setAccessibleName(words)
    button.setToolTip(tr("{words} (key {key})", words=words, key=key))
    return button
