"""What the blind stage says while answers are written, and where there is nothing to vote on."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button

WIDEST = 520  # pixels at 100 % text
SECOND_MS = 1000


class CalmCard(QWidget):
    """A card in the middle: a title, a sentence or two, and what can be done."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = label(role="title", wrap=True)
        self.words = label(role="", wrap=True)
        self.small = label(role="muted", wrap=True)
        for part in (self.title, self.words, self.small):
            part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(Space.S)
        self.card = QFrame()
        self.card.setProperty("role", "card")
        column = QVBoxLayout(self.card)
        column.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        column.setSpacing(Space.M)
        for part in (self.title, self.words, self.small):
            column.addWidget(part)
        column.addLayout(self.buttons)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self.card, 1000)
        across.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        outer.addStretch(2)
        outer.addLayout(across)
        outer.addStretch(3)
        theme.changed.connect(self._limit_width)
        self._limit_width()

    @Slot()
    def _limit_width(self) -> None:
        self.card.setMaximumWidth(theme.px(WIDEST))


class WritingCard(CalmCard):
    """Says that answers are written, and for how long: not how many are there, which would tell the fastest."""

    stop = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # not on "Stop": a key too many must not end anything
        self.words.setText(tr("Names, order and speed are hidden. All answers are shown together."))
        self.stop_button = text_button(tr("■ Stop all"))
        self.stop_button.setAccessibleName(tr("Stop all answers"))
        self.stop_button.clicked.connect(self.stop)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.stop_button)
        self.buttons.addStretch(1)
        self._since = QElapsedTimer()
        self._tick = QTimer(self, interval=SECOND_MS)
        self._tick.timeout.connect(self._show_time)

    def begin(self, answers: int) -> None:
        self.title.setText(_being_written(answers))
        self.setAccessibleName(self.title.text())
        self._since.start()
        self._tick.start()
        self._show_time()

    def end(self) -> None:
        self._tick.stop()

    @Slot()
    def _show_time(self) -> None:
        seconds = self._since.elapsed() // SECOND_MS
        self.small.setText(tr("{minutes}:{seconds:02} so far", minutes=seconds // 60, seconds=seconds % 60))


class NoVoteCard(CalmCard):
    """Why nothing is asked, and the way on."""

    leave = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title.setText(tr("There is nothing to vote on"))
        self.leave_button = text_button(tr("Show the answers"), kind="primary")
        self.leave_button.clicked.connect(self.leave)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.leave_button)
        self.buttons.addStretch(1)

    def say(self, why: str) -> None:
        self.words.setText(why)
        self.setAccessibleName(why)
        self.small.setText(tr("The answers are shown with their names: no vote depends on them."))


class JudgedCard(CalmCard):
    """All was judged before: that it is asked about once more is somebody's own choice."""

    leave = Signal()
    again = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title.setText(tr("All of it is judged already"))
        self.small.setText(tr("Judged again, both votes count; the ranges allow for their being about one prompt."))
        self.leave_button = text_button(tr("Show the answers"), kind="primary")
        self.leave_button.clicked.connect(self.leave)
        self.again_button = text_button(tr("Judge it again"))
        self.again_button.clicked.connect(self.again)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.leave_button)
        self.buttons.addWidget(self.again_button)
        self.buttons.addStretch(1)

    def say(self, told: str) -> None:
        self.words.setText(told)
        self.setAccessibleName(f"{self.title.text()}. {told}")


def _being_written(answers: int) -> str:
    match answers:
        case 1:
            return tr("One answer is being written")
        case 2:
            return tr("Two answers are being written")
        case 3:
            return tr("Three answers are being written")
        case 4:
            return tr("Four answers are being written")
    return tr("{count} answers are being written", count=answers)
